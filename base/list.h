/* SPDX-License-Identifier: MIT
 *
 * base/list.h - lists linked by members of their elements. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/compiler.h"

/* Lists by one member, last by NULL: takes e off the list that begins at *head; false when it is not there. O(length). */
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

/* Rings, by members next and prev, the last element's next being the first: *head is that, or NULL. O(1). */
#define ring_append(head, e)                                                                      \
	do {                                                                                          \
		__typeof__(e) *head_ = (head), e_ = (e), first_ = *head_;                                 \
                                                                                                  \
		if (!first_) {                                                                            \
			*head_ = e_->next = e_->prev = e_;                                                    \
		} else {                                                                                  \
			e_->next = first_;                                                                    \
			e_->prev = first_->prev;                                                              \
			e_->prev->next = e_;                                                                  \
			first_->prev = e_;                                                                    \
		}                                                                                         \
	} while (0)

/* e, which is in the ring, keeps its own links. */
#define ring_remove(head, e)                                                                      \
	do {                                                                                          \
		__typeof__(e) *head_ = (head), e_ = (e);                                                  \
                                                                                                  \
		if (*head_ == e_)                                                                         \
			*head_ = e_->next == e_ ? NULL : e_->next;                                            \
		e_->prev->next = e_->next;                                                                \
		e_->next->prev = e_->prev;                                                                \
	} while (0)

#endif
