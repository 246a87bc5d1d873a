/* The version of the library, from the Makefile. */
#ifndef TL_BASE_VERSION_H
#define TL_BASE_VERSION_H

/* "MAJOR.MINOR.PATCH"; static storage. */
const char *tl_version(void);

#endif
