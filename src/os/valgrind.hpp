#pragma once

namespace cohort::os {

/// Whether this process runs under valgrind, which simulates most of the kernel and not all.
bool under_valgrind();

}  // namespace cohort::os
