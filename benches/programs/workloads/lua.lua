-- Tables, closures, strings, method calls, collection of garbage.
local Point = {}
Point.__index = Point
function Point.new(x, y) return setmetatable({ x = x, y = y }, Point) end
function Point:plus(other) return Point.new(self.x + other.x, self.y + other.y) end

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end

local place = Point.new(0, 0)
for i = 1, 600000 do place = place:plus(Point.new(i % 7, i % 11)) end

local words, counts = {}, {}
for i = 1, 60000 do words[i] = ("word%d"):format(i * 7919 % 5003) end
for _, word in ipairs(words) do counts[word] = (counts[word] or 0) + 1 end
table.sort(words)

local total = 0
for name, count in pairs(counts) do if name:find("7") then total = total + count end end
print(fib(29), place.x, place.y, words[1], words[#words], total, #table.concat(words, ","))
