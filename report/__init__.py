"""Reports: load results, make tables and figures, write one self-contained HTML page."""
