-- luacheck of the scripts that run inside Redis. A script is a concatenation of preludes and its own file, so the
-- top-level locals of the preludes are known to every other file. The first line of a prelude begins with "-- Prelude".
std = "lua51"
not_globals = { "io", "os", "require", "print", "loadfile", "dofile" }
read_globals = { "redis", "KEYS", "ARGV" }
max_line_length = 120

for _, folder in ipairs({ "Sources/Available/Scripts", "Sources/Consistent/Scripts" }) do
    local names, preludes = {}, {}
    for path in io.popen("ls " .. folder .. "/*.lua"):lines() do
        local text = io.open(path):read("*a")
        if text:find("^%-%- Prelude") then
            preludes[#preludes + 1] = path
            for name in text:gmatch("\nlocal function ([%w_]+)") do names[#names + 1] = name end
            for list in text:gmatch("\nlocal ([%w_, ]+)") do
                for name in list:gmatch("[%w_]+") do names[#names + 1] = name end
            end
        end
    end
    files[folder] = { globals = names }
    -- The names that a prelude defines are used by the files after it.
    for _, path in ipairs(preludes) do files[path] = { ignore = { "211", "221" } } end
end
