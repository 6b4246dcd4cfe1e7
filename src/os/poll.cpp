#include "os/poll.hpp"

#include "os/error.hpp"

#include <poll.h>

namespace cohort::os {

int poll_until(std::span<pollfd> set, Deadline deadline) {
  for (;;) {
    timespec left{};
    if (deadline) {
      auto const rest = std::max(*deadline - Timeout::Clock::now(), Timeout::Clock::duration::zero());
      left.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(rest).count();
      left.tv_nsec = (rest % std::chrono::seconds(1)).count();
    }
    int const ready = ::ppoll(set.data(), set.size(), deadline ? &left : nullptr, nullptr);
    if (ready >= 0) return ready;
    if (errno != EINTR) fail(errno, "cannot wait for descriptors");
  }
}

bool wait_readable(int descriptor, Deadline deadline) {
  pollfd one{descriptor, POLLIN, 0};
  return poll_until({&one, 1}, deadline) > 0;
}

}  // namespace cohort::os
