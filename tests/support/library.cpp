#include "support/library.hpp"

#include "connection/bell.hpp"
#include "memory/arena.hpp"
#include "start/monitor.hpp"
#include "start/start.hpp"

namespace cohort::test {

void settle_library() {
  memory::arena();             // made with the first process, and kept to the end
  connection::current_bell();  // made with the first wait
  start::stop_fork_server();
  start::rest_monitor();
}

}  // namespace cohort::test
