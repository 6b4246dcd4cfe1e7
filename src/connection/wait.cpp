#include <cohort/multiprocessing/connection.hpp>

#include "connection/bell.hpp"
#include "connection/channel.hpp"
#include "os/error.hpp"

namespace cohort::multiprocessing::connection {

std::vector<std::size_t> wait_for_any(std::span<Waitable const> waitables, Timeout timeout) {
  std::vector<std::size_t> ready;
  if (waitables.empty() && !timeout.limit()) return ready;

  auto const deadline = timeout.deadline();
  std::vector<cohort::connection::GuardedDescriptor::Use> in_use;
  std::vector<pollfd> set;
  in_use.reserve(waitables.size());
  set.reserve(waitables.size() + 1);
  for (auto const& waitable : waitables) {
    if (auto const* const connection = std::get_if<Connection>(&waitable)) {
      in_use.push_back(connection->channel().use());
      // An end that only sends polls readable from the start; ask it for nothing but the peer's going away.
      short const events = connection->readable() ? POLLIN : 0;
      set.push_back({in_use.back().number(), events, 0});
    } else {
      int const descriptor = std::get<int>(waitable);
      // poll(2) passes over negative numbers without a word.
      if (descriptor < 0) os::fail(EBADF, "connection::wait: {} is no descriptor", descriptor);
      set.push_back({descriptor, POLLIN, 0});
    }
  }
  set.push_back({});

  cohort::connection::poll_open(set, deadline, [&] {
    for (auto const& use : in_use) use.check_open();
  });
  for (std::size_t i = 0; i < waitables.size(); ++i) {
    if ((set[i].revents & POLLNVAL) != 0)
      os::fail(EBADF, "connection::wait: descriptor {} is not open", set[i].fd);
    if (set[i].revents != 0) ready.push_back(i);
  }
  return ready;
}

}  // namespace cohort::multiprocessing::connection
