#pragma once
#include "os/descriptor.hpp"

#include <sys/types.h>

#include <optional>

/// Processes held by a descriptor, which unlike a pid is never reused for another process.
namespace cohort::os {

/// A descriptor that polls readable once the process ended; empty where the kernel (< 5.3) or valgrind has
/// none, or the process is gone. Throws `std::system_error` (EMFILE).
Descriptor pidfd_open(pid_t pid);

/// Sends a signal to the process, by its pidfd unless that is -1; 0 only asks. False, and no error, when it
/// is gone: a zombie is not.
bool send_signal(pid_t pid, int pidfd, int signal);

/// The wait status that the kernel keeps with a pidfd even after somebody else reaped the process
/// (Linux 6.15).
std::optional<int> kept_wait_status(Descriptor const& pidfd);

}  // namespace cohort::os
