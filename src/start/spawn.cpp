#include "os/launch.hpp"
#include "os/socket.hpp"
#include "start/start.hpp"

/// spawn: the running program is executed again, and its `freeze_support()` finds a letter instead of
/// returning. The child shares nothing with this process but the standard streams and what the letter brings.
namespace cohort::start {

std::shared_ptr<Child> start_by_spawn(Order const& order) {
  require_freeze_support("spawn");
  Bonds bonds;
  OutgoingMessage letter;
  write_letter(letter, order, bonds);
  auto [ours, theirs] = os::socket_pair(os::SocketKind::seqpacket);
  send_letter(ours.get(), letter);
  auto const program = this_program(theirs);
  auto launched = os::launch({program.path, program.arguments, program.environment, {{theirs.get(), 3}}});
  return bonds.child(order.identity, launched.pid, std::move(launched.pidfd));
}

}  // namespace cohort::start
