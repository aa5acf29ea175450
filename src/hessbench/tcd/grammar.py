"""The TCD grammar in Lark's notation, unambiguous for LALR(1) but for one rule of reading: a `(` after an
expression always opens a call, so a statement that begins with `(` can only come first.

A definition's left-hand side is parsed as an expression (`x[:]` may be either until `=` is seen) and turned
into a slot by the parser. Integer expressions, inside brackets, are a language of their own: there a juxtaposition
multiplies, and `/` divides integers, rounding down.
"""

GRAMMAR = r"""
start: statement*
statement: postfix "=" expr                                  -> definition
         | expr                                              -> bare
         | signature                                         -> only
signature: [postfix ":"] LAMBDA "(" [bindings] ")" "=>" result
result: LSQB [ranges] "]"                                    -> tensor_result
      | LBRACE "}"                                           -> function_result
      | signature                                            -> only

?expr: sum | LAMBDA "(" [bindings] ")" "->" expr             -> function
?sum: product
    | (PLUS | MINUS) product ((PLUS | MINUS) product)*       -> signed_sum
    | product ((PLUS | MINUS) product)+                      -> sum
?product: postfix
        | postfix ((STAR | SLASH) postfix)+                  -> product
?postfix: atom
        | postfix "[" [items] "]"                            -> index
        | postfix "(" [bindings] ")"                         -> call
?atom: NAME                                                  -> name
     | NAME LBRACE "}"                                       -> braced_name
     | NUMBER                                                -> number
     | "(" expr ")"
     | AXIS_OP "(" isum ("," expr)+ ")"                      -> special
     | RESHAPE "(" expr ("," isum)+ ")"                      -> special
     | ONEHOT "(" isum "," isum ")"                          -> special
     | ZEROS "(" isum ("," isum)* ")"                        -> special
     | UNARY "(" expr ")"                                    -> special
     | POW "(" expr "," expr ")"                             -> special
     | ES "(" es_factor (";" es_factor)* "->" [names] ")"    -> einsum

es_factor: expr ["@" [names]]
names: NAME ("," NAME)*
bindings: binding ("," binding)* [","]
binding: slot ["=" expr]
slot: NAME                                                   -> bare_slot
    | NAME LSQB [ranges] "]"                                 -> tensor_slot
    | NAME LBRACE "}"                                        -> function_slot
ranges: COLON ("," COLON)*

items: item ("," item)*
item: isum                                                   -> at
    | [isum] COLON [isum] [":" [isum]]                       -> range
    | PLUS                                                   -> new_axis
    | D_OP slot                                              -> diff
?isum: iproduct
     | (PLUS | MINUS) iproduct ((PLUS | MINUS) iproduct)*    -> signed_sum
     | iproduct ((PLUS | MINUS) iproduct)+                   -> sum
?iproduct: iatom
         | iatom (STAR? iatom | SLASH iatom)+                -> integer_product
?iatom: NAME                                                 -> name
      | NUMBER                                               -> integer
      | "(" isum ")"

D_OP.2: /d(?=(\s|#[^\n]*\n)+[A-Za-z])/
AXIS_OP: /&(concat|stack)\b/
RESHAPE: /&reshape\b/
ONEHOT: /&onehot\b/
ZEROS: /&zeros\b/
UNARY: /&(exp|log|eigvals|eigvecs)\b/
POW: /&pow\b/
ES: /&es\b/
NAME: /[A-Za-z][A-Za-z0-9_]*/
NUMBER: /(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
LAMBDA: "^" | "λ"
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
COLON: ":"
LSQB: "["
LBRACE: "{"
COMMENT: /#[^\n]*/
%import common.WS
%ignore WS
%ignore COMMENT
"""

SPELLING = {
    "$END": "the end of the program",
    "NAME": "a name",
    "NUMBER": "a number",
    "LAMBDA": "`^`",
    "PLUS": "`+`",
    "MINUS": "`-`",
    "STAR": "`*`",
    "SLASH": "`/`",
    "COLON": "`:`",
    "LSQB": "`[`",
    "RSQB": "`]`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "EQUAL": "`=`",
    "COMMA": "`,`",
    "SEMICOLON": "`;`",
    "AT": "`@`",
    "__ANON_0": "`=>`",
    "__ANON_1": "`->`",
    "D_OP": "`d slot`",
}
"""How a message calls the tokens that could have come next."""

SPECIAL_NAMES = ("concat", "stack", "reshape", "onehot", "zeros", "exp", "log", "pow", "eigvals", "eigvecs", "es")
