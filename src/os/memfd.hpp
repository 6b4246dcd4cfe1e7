#pragma once
#include "os/descriptor.hpp"

#include <cstddef>

namespace cohort::os {

/// Makes an anonymous file in memory of exactly `size` bytes, all holes. It does not count against
/// `/dev/shm`, and is sealed against any change of its size, so that no process can make another's access to
/// it a SIGBUS. `name` is what `/proc/<pid>/maps` shows. Throws `std::system_error`: EFBIG when
/// RLIMIT_FSIZE does not allow the size, EMFILE.
Descriptor memory_file(char const* name, std::size_t size);

/// The size of an open file. Throws `std::system_error` (EBADF).
std::size_t file_size(int descriptor);

/// Whether `memory_file` could have made this file: one whose size can never change.
bool is_sealed(int descriptor);

}  // namespace cohort::os
