#pragma once
#include <cohort/timeout.hpp>

#include <optional>
#include <span>

struct pollfd;

namespace cohort::os {

using Deadline = std::optional<Timeout::Clock::time_point>;

/// `poll(2)` until the deadline, across interruptions by signals; returns how many are ready.
int poll_until(std::span<pollfd> set, Deadline deadline);

/// Waits until one descriptor is readable or at its end; false when the deadline passed first.
bool wait_readable(int descriptor, Deadline deadline);

}  // namespace cohort::os
