-- luacheck of the scripts that run inside Redis. A script is a concatenation of parts, so a file uses the top-level
-- locals of other files. Parts are the preludes (prelude_*.lua) and the parts of put.lua and merge.lua (put_*.lua,
-- merge_*.lua). `AvailableScripts` defines functions whose body is a part, and
-- `ConsistentScripts` defines `isDelete`.
std = "lua51"
not_globals = { "io", "os", "require", "print", "loadfile", "dofile" }
read_globals = { "redis", "KEYS", "ARGV", "loadChanges", "loadJoin", "isDelete" }
max_line_length = 120

for _, folder in ipairs({ "Sources/Available/Scripts", "Sources/Consistent/Scripts", "Sources/Core/RateLimiting/Scripts" }) do
    local names, parts = {}, {}
    for path in io.popen("ls " .. folder .. "/*.lua"):lines() do
        if path:find("/prelude_") or path:find("/put_") or path:find("/merge_") then
            parts[#parts + 1] = path
            local text = "\n" .. io.open(path):read("*a")
            for name in text:gmatch("\nlocal function ([%w_]+)") do names[#names + 1] = name end
            for list in text:gmatch("\nlocal ([%w_, ]+)") do
                for name in list:gmatch("[%w_]+") do names[#names + 1] = name end
            end
        end
    end
    files[folder] = { globals = names }
    -- 211, 221: a top-level local of a part is used by, or set in, another file.
    for _, path in ipairs(parts) do files[path] = { ignore = { "211", "221" } } end
end
