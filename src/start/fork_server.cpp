#include "start/fork_server.hpp"

#include "memory/slots.hpp"
#include "os/error.hpp"
#include "os/pidfd.hpp"
#include "os/socket.hpp"
#include "start/start.hpp"

#include <cohort/pickle.hpp>

#include <pthread.h>
#include <signal.h>

/// The program's side of the fork server, which is started with the first process and again when it was killed.
namespace cohort::start {
namespace {

struct Client {
  std::mutex mutex;
  Task preload;
  std::shared_ptr<Child> server;
  os::Descriptor control;
};

Client*& client_pointer() {
  static Client* client = nullptr;
  return client;
}

/// A forked child has no part in its parent's server. The old object stays: its lock may be held by a thread that
/// does not exist here.
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
  std::lock_guard const lock(client.mutex);
  if (!client.server) start_server(client);
  if (!post(client, letter)) {
    drop_server(client);
    start_server(client);
    if (!post(client, letter)) os::fail(EPIPE, "the fork server was killed twice in a row");
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
  // The server died with the letter. Either the child has come to its slot, or it will not find it any more.
  drop_server(client);
  auto const pid = memory::withdraw_slot(order.identity.slot);
  if (!pid) throw ServerDied();
  return bonds.child(order.identity, *pid, os::pidfd_open(*pid));
}

void set_preload(Task task) {
  Client& client = start::client();
  std::lock_guard const lock(client.mutex);
  client.preload = std::move(task);
}

void stop_fork_server() {
  Client& client = start::client();
  std::lock_guard const lock(client.mutex);
  drop_server(client);
}

}  // namespace cohort::start
