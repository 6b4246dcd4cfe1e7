#include "support/library.hpp"

#include "connection/bell.hpp"
#include "start/monitor.hpp"
#include "start/start.hpp"

namespace cohort::test {

void settle_library() {
  start::stop_fork_server();
  start::rest_monitor();
}

bool is_kept(int descriptor, std::string_view target) {
  if (target.starts_with("/memfd:cohort-arena")) return true;
  auto const bell = connection::current_bell();
  return bell && bell->get() == descriptor;
}

}  // namespace cohort::test
