-- First part of `merge`: replaces a record by one that has a single sibling.
local function replaceRecord(key, vector, dot, sibling, isThere)
    if isThere then
        call('DEL', key)
    end
    call('HSET', key, 'vv', vector, 'at', nowText, dot, sibling)
    listIfCollectable(key, sibling)
end
