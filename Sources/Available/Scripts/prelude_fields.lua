-- The number of fields of a record that has one sibling (rule A1): `vv`, `at`, and the sibling.
local fieldsWithOneSibling = 3
