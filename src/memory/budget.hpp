#pragma once
#include <cstddef>

namespace cohort::memory {

/// How many bytes of memory the shared objects of one process tree may take when nobody says otherwise: three
/// quarters of what the machine has available and the control groups (v1 and v2) allow, whichever is less.
///
/// The kernel never refuses: beyond a cgroup's limit neither touching a page, nor fallocate, nor
/// MADV_POPULATE_WRITE fails; the OOM killer comes. So the arena refuses by itself, before that.
///
/// The environment variable COHORT_MEMORY_LIMIT (bytes) overrides it. Throws `ValueError` when that is not a
/// number.
std::size_t default_budget();

}  // namespace cohort::memory
