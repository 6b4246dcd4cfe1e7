#include "start/fork_server.hpp"

#include "memory/slots.hpp"
#include "os/error.hpp"
#include "os/pidfd.hpp"
#include "os/socket.hpp"
#include "start/start.hpp"

#include <cohort/pickle.hpp>

#include <poll.h>
#include <pthread.h>
#include <signal.h>

/// The program's side of the fork server, which is started with the first process and again when it was
/// killed.
namespace cohort::start {
namespace {

struct Client {
  Task preload;
  std::shared_ptr<Child> server;
  os::Descriptor control;
};

Client*& client_pointer() {
  static Client* client = nullptr;
  return client;
}

/// A forked child has no part in its parent's server. Nothing is half done here: forks are held during
/// starts.
void forget_server() {
  Client& old = *client_pointer();
  old.control.reset();
  if (old.server) old.server->forget();
  auto const fresh = new Client;
  fresh->preload = old.preload;
  client_pointer() = fresh;
}

Client& client() {
  static bool const ready = [] {
    client_pointer() = new Client;
    return ::pthread_atfork(nullptr, nullptr, forget_server) == 0;
  }();
  static_cast<void>(ready);
  return *client_pointer();
}

void start_server(Client& client) {
  auto [ours, theirs] = os::socket_pair(os::SocketKind::seqpacket);
  Order order;
  order.identity.name = "ForkServer";
  order.identity.daemon = true;
  order.save = [&, control = theirs.get()](detail::Writer& writer) {
    detail::save_entry(writer, detail::entry<Body, &serve, Client>);
    detail::save(writer, writer.attach(control));
    client.preload.save(writer);
  };
  client.server = launch(start_by_spawn, std::move(order));
  client.control = std::move(ours);
}

/// Whether the letter reached a server that was alive.
bool post(Client& client, OutgoingMessage const& letter) {
  try {
    send_letter(client.control.get(), letter);
    return true;
  } catch (std::system_error const& error) {
    if (error.code() != std::errc::broken_pipe && error.code() != std::errc::connection_reset) throw;
    return false;
  }
}

void drop_server(Client& client) {
  client.control.reset();
  if (!client.server) return;
  client.server->signal(SIGKILL);
  client.server->join(std::nullopt);
  client.server.reset();
}

}  // namespace

std::shared_ptr<Child> start_by_fork_server(Order const& order) {
  require_freeze_support("forkserver");
  Bonds bonds;
  OutgoingMessage letter;
  write_letter(letter, order, bonds);
  Client& client = start::client();
  auto const held = children::hold_forks();
  if (!client.server) start_server(client);
  if (!post(client, letter)) {
    drop_server(client);
    throw ServerDied();
  }
  ServerReply reply{};
  os::Received received;
  try {
    received = os::receive_message(client.control.get(), std::as_writable_bytes(std::span(&reply, 1)));
  } catch (std::system_error const& error) {
    // No descriptor for the pidfd that came with the reply; or the server died with the letter unread.
    if (reply.pid > 0) Bonds::undo(reply.pid);
    if (error.code() != std::errc::connection_reset) throw;
  }
  if (received.count == sizeof reply) {
    if (reply.pid < 0) os::fail(reply.error, "the fork server cannot fork {}", order.identity.name);
    os::Descriptor pidfd(received.descriptors.empty() ? -1 : received.descriptors.front());
    return bonds.child(order.identity, reply.pid, std::move(pidfd));
  }
  // The server died with the letter. If it had forked the child, that comes to its slot soon: it alone holds
  // the other end of the lifeline now.
  drop_server(client);
  bonds.lifeline.child_end.reset();
  pollfd other_end{bonds.lifeline.parent_end.get(), 0, 0};
  for (int tries = 1000; tries != 0 && memory::process_of(order.identity.slot) == 0; --tries)
    if (::poll(&other_end, 1, 1) > 0) break;  // POLLERR: nobody has it
  auto const pid = memory::withdraw_slot(order.identity.slot);
  if (!pid) throw ServerDied();
  try {
    return bonds.child(order.identity, *pid, os::pidfd_open(*pid));
  } catch (std::system_error const&) {
    Bonds::undo(*pid);
    throw;
  }
}

void set_preload(Task task) {
  Client& client = start::client();
  auto const held = children::hold_forks();
  client.preload = std::move(task);
}

void stop_fork_server() {
  Client& client = start::client();
  auto const held = children::hold_forks();
  drop_server(client);
}

}  // namespace cohort::start
