#pragma once
#include "os/descriptor.hpp"
#include "os/poll.hpp"

#include <poll.h>

#include <memory>
#include <span>

/// How a thread that waits for a connection learns that another thread of its process has closed it. The
/// kernel would not tell it: close(2) does not end a poll(2) of the same descriptor, and shutdown(2) would
/// end the connection for other processes too, which may hold the same end since a fork.
namespace cohort::connection {

/// Readable once any connection of this process was closed under a call; null if there is no descriptor
/// left for it. It never becomes silent again: after a ring there is another one.
std::shared_ptr<os::Descriptor const> current_bell();

/// Wakes every waiting thread of this process. To be called after the closing has become visible.
void ring_bell();

/// `os::poll_until` over all of `set` but the last, which is the bell's place. Calls `check`, which throws if
/// a connection was closed, first and whenever the bell has rung.
template <class Check> int poll_open(std::span<pollfd> set, os::Deadline deadline, Check check) {
  for (;;) {
    auto const bell = current_bell();  // before the check: what is closed after it rings this bell or a later
    check();
    set.back() = {bell ? bell->get() : -1, POLLIN, 0};
    // Without a bell one has to look oneself.
    auto const look = Timeout(std::chrono::milliseconds(50)).deadline();
    bool const last = bell || (deadline && *deadline <= *look);
    int const ready = os::poll_until(set, last ? deadline : look);
    int const rung = set.back().revents != 0 ? 1 : 0;
    if (ready > rung || (last && rung == 0)) return ready - rung;
  }
}

}  // namespace cohort::connection
