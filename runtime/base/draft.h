/* Drafts: files that appear whole or not at all.
 *
 * What is written stays without a name in the target's folder until tl_draft_commit() puts it in place of what was there; whoever reads the
 * target sees the old bytes or the new, never a part, whatever ends the process in between. Where the file system knows no files without names
 * a hidden one stands in. A link is followed. What is no regular file (a device, a pipe), or is where standard output goes, is written as it comes, and so is a file that may be written
 * in a folder that may not.
 *
 * Single owner; tl_draft_abandon_all() may be called by a signal handler.
 */
#ifndef TL_BASE_DRAFT_H
#define TL_BASE_DRAFT_H

#include "base/status.h"

typedef struct tl_draft tl_draft;

/* Begins a file. TL_ERR_IO with the path and the system's reason, TL_ERR_NO_MEMORY. */
tl_status tl_draft_open(const char *path, tl_draft **draft);

/* Whether committing would take the place of the file at `path`, or, once that exists, of the other draft's. */
bool tl_draft_replaces(const tl_draft *draft, const char *path);
bool tl_draft_same_target(const tl_draft *draft, const tl_draft *other);

/* Writes all of the bytes, or fails with TL_ERR_IO and goes on failing. */
tl_status tl_draft_write(tl_draft *draft, const void *bytes, size_t length);

/* Puts the file in its place; after a failed write, or when this fails, what was there before stays. The draft is gone, whatever comes back. */
tl_status tl_draft_commit(tl_draft *draft);

/* Takes the draft back: nothing happened. NULL is allowed. */
void tl_draft_discard(tl_draft *draft);

/* Removes the hidden files of all open drafts. Only for a process that ends; async-signal-safe. */
void tl_draft_abandon_all(void);

#endif
