-- The requests of mix.c, for wrk, in the shares that a file gives: "COUNT METHOD PATH" a line, as
-- the server counted them. All are made beforehand and dealt out: wrk's cost stays its own.
local bodies = {
    ["POST /auth"] = '{"username":"user_7","password":"password"}',
    ["POST /cart"] = '{"item_id":7,"quantity":2,"gift":false}',
    ["PUT /cart/7"] = '{"quantity":3}',
    ["POST /cart/coupon"] = '{"code":"SPRING"}',
    ["POST /orders"] = '{"shipping":"post","note":"please ring twice","express":true}',
    ["PATCH /profile"] = '{"address":{"city":"Ghent","zip":"9000"},"newsletter":true}',
    ["POST /wishlist"] = '{"item_id":7}',
}
local free = { [""] = true, auth = true, catalog = true, recommendations = true, search = true }
local DEALT = 4096
local deck, at = {}, 0

-- Whoever only looks around needs no token.
local function headers_for(path, body)
    local headers = {}

    if not free[path:match("^/(%a*)")] then
        headers["Authorization"] = "Bearer 7-5ca1ab1e0ddba11"
    end
    if body then
        headers["Content-Type"] = "application/json"
    end
    return headers
end

function init(args)
    local kinds, total = {}, 0

    for line in io.lines(args[1]) do
        local count, method, path = line:match("(%d+) (%S+) (%S+)")
        local body = bodies[method .. " " .. path]

        total = total + count
        table.insert(kinds, {
            upto = total,
            text = wrk.format(method, path, headers_for(path, body), body),
        })
    end
    for i = 1, DEALT do
        local draw = math.random() * total
        local kind = 1

        while kinds[kind].upto < draw do
            kind = kind + 1
        end
        deck[i] = kinds[kind].text
    end
end

function request()
    at = at % DEALT + 1
    return deck[at]
end
