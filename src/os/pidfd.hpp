#pragma once
#include "os/descriptor.hpp"

#include <sys/types.h>

#include <optional>

/// Processes held by a descriptor, which unlike a pid is never reused for another process.
namespace cohort::os {

/// A descriptor that polls readable once the process ended; empty where the kernel (< 5.3) or valgrind has
/// none, or the process is gone. Throws `std::system_error` (EMFILE).
Descriptor pidfd_open(pid_t pid);

/// Sends a signal to the process, by descriptor where there is one. A process that has ended is not an error.
void send_signal(pid_t pid, Descriptor const& pidfd, int signal);

/// The wait status that the kernel keeps with a pidfd even after somebody else reaped the process (Linux 6.15).
std::optional<int> kept_wait_status(Descriptor const& pidfd);

}  // namespace cohort::os
