/* SPDX-License-Identifier: MIT
 *
 * base/list.h - lists linked by a member of their elements, last by NULL. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/compiler.h"

/* Takes e off the list that begins at *head; false when it is not there. O(length). */
#define list_remove(head, e, link)                                                                \
	__extension__({                                                                               \
		__typeof__(e) *at_ = (head), e_ = (e);                                                    \
                                                                                                  \
		while (*at_ && *at_ != e_)                                                                \
			at_ = &(*at_)->link;                                                                  \
		bool there_ = *at_ != NULL;                                                               \
		if (there_)                                                                               \
			*at_ = e_->link;                                                                      \
		there_;                                                                                   \
	})

#endif
