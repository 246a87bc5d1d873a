local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

ffi.cdef "int getpid(void);"

describe("the watchdog's eye", function()
  local watch, page
  local function burn(ms)
    local until_ns = C.tl_clock_process_cpu_ns() + ms * 1000000LL
    while C.tl_clock_process_cpu_ns() < until_ns do end
  end

  before_each(function()
    watch, page = ffi.new "tl_watch", ffi.new("tl_worker_page", { state = C.TL_WORKER_RUNNING, epoch = 3 })
    C.tl_watch_begin(watch, C.getpid(), 3, 20000000)
  end)

  it("sees an event that stays in hand for more CPU time than its budget, and says so once", function()
    page.in_hand = 41
    for _ = 1, 3 do
      assert.is_false(C.tl_watch_look(watch, page))
      burn(6)
    end
    burn(10)
    assert.is_true(C.tl_watch_look(watch, page))
    assert.equal("over its hard budget of 20 ms in event 41", ffi.string(watch.why))
    assert.is_false(C.tl_watch_look(watch, page))
  end)

  it("lets a process work on events that change, or on none, for as long as it likes", function()
    for i = 1, 10 do
      page.in_hand = i % 6
      assert.is_false(C.tl_watch_look(watch, page))
      burn(8)
    end
  end)

  it("does not take what a predecessor has left for this generation's", function()
    page.in_hand, page.epoch = 41, 2
    for _ = 1, 40 do
      assert.is_false(C.tl_watch_look(watch, page))
      burn(1)
    end
  end)

  it("does not watch without a budget", function()
    C.tl_watch_begin(watch, C.getpid(), 3, 0)
    page.in_hand = 41
    for _ = 1, 4 do
      assert.is_false(C.tl_watch_look(watch, page))
      burn(10)
    end
  end)
end)
