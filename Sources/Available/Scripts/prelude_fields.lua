-- Fields of a record with one sibling (rule A1): `vv`, `at`, and the sibling.
local fieldsWithOneSibling = 3
