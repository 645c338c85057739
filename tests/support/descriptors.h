/* The descriptors that this process has open. */
#ifndef TESTS_SUPPORT_DESCRIPTORS_H
#define TESTS_SUPPORT_DESCRIPTORS_H

int open_descriptors(void);

#endif
