#include "support/library.hpp"

#include "connection/bell.hpp"
#include "memory/arena.hpp"
#include "start/monitor.hpp"
#include "start/start.hpp"

namespace cohort::test {

void settle_library() {
  start::stop_fork_server();
  start::rest_monitor();
}

std::set<int> kept_descriptors() {
  std::set<int> kept;
  if (memory::has_arena()) kept.insert(memory::arena().descriptor());
  if (auto const bell = connection::current_bell()) kept.insert(bell->get());
  return kept;
}

}  // namespace cohort::test
