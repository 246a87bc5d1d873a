/* What every public header starts from.
 *
 * A public header is read twice: by the C compiler, and, after `cc -E -P -DTL_CDEF`, by LuaJIT's ffi.cdef. So it holds
 * plain declarations only; inline functions, system includes and assertions stand inside `#ifndef TL_CDEF`. No struct is
 * declared a second time anywhere.
 */
#ifndef TL_BASE_CDEF_H
#define TL_BASE_CDEF_H

#ifdef TL_CDEF
#define TL_ALIGNED(n) __attribute__((aligned(n)))
#define TL_PRINTF(f, a)
#define TL_STATIC_ASSERT(condition, text)
#else
#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define TL_ALIGNED(n)                     __attribute__((aligned(n)))
#define TL_PRINTF(f, a)                   __attribute__((format(printf, f, a)))
#define TL_STATIC_ASSERT(condition, text) static_assert(condition, text)
#define TL_LIKELY(x)                      __builtin_expect(!!(x), 1)
#define TL_UNLIKELY(x)                    __builtin_expect(!!(x), 0)
typedef __int128 tl_int128;
#endif

/* The size of a cache line, in bytes. Kept as an enum so that Lua sees it too. */
enum { TL_CACHE_LINE_BYTES = 64 };

#endif
