#include "base/version.h"

const char *tl_version(void) {
    return TL_VERSION;
}
