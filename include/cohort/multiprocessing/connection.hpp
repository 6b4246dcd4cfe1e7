#pragma once
#include <cohort/detail/handle.hpp>
#include <cohort/detail/message.hpp>
#include <cohort/pickle.hpp>
#include <cohort/timeout.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cohort::connection {
class Channel;
}

namespace cohort::multiprocessing {

class Connection;

namespace connection {
/// What can be waited for: a connection, or a descriptor such as a process's sentinel.
using Waitable = std::variant<Connection, int>;
/// The positions of those that are ready, in order; what `wait` is made of.
std::vector<std::size_t> wait_for_any(std::span<Waitable const> waitables, Timeout timeout);
}  // namespace connection

/// One end of a pipe, or of a connection to a listener: Python's `multiprocessing.connection.Connection`.
///
/// Messages arrive whole and in order, whatever their size. A copy is the same connection; the descriptor is
/// closed by `close()` or with the last copy in this process. A connection can itself be sent over another
/// one, and be an argument of a `Process`: the other process then holds an end of its own.
///
/// Threads: any of them may use one connection. Calls to send take turns, so do calls to receive. `close()`
/// makes calls that run in other threads of this process fail with EBADF; the descriptor's number is free
/// when they have returned.
/// Fork: the child has the same end, as in Python; close it in the process that does not use it, or
/// its peer waits in vain for the end.
///
/// Errors are `std::system_error`, Python's `OSError`, unless said otherwise:
/// EBADF for a connection that is closed or goes the other way; EPIPE from sending when the other end is gone
/// (no signal is raised); `EOFError` from receiving when the other end is gone and all it sent has been
/// received; ECONNRESET when it ended within a message; EBADMSG for bytes that are no messages, after which
/// nothing can be received any more.
///
///     auto [here, there] = mp::Pipe();
///     mp::Process p(f, there);
///     p.start();
///     there.close();
///     here.send("hello");
///     int const answer = here.recv<int>();
class Connection : public detail::HandleBase {
 public:
  /// A closed connection, to be assigned to.
  Connection() = default;
  /// For those who made a channel; see src/connection/.
  explicit Connection(std::shared_ptr<cohort::connection::Channel> channel) : channel_(std::move(channel)) {}

  /// Pickles a value and sends it. It may block until the receiver has taken the most of it. The descriptors
  /// inside must stay open meanwhile; `PicklingError` for more than 253 of them.
  template <Picklable T>
  requires(!std::same_as<std::decay_t<T>, char*>) void send(T const& value) const {
    detail::OutgoingMessage message;
    detail::save_typed(message, value);
    send_message(message);
  }
  /// Text is sent as a `std::string`.
  void send(char const* text) const { send(std::string(text)); }

  /// Waits for the next message and unpickles it. Throws `UnpicklingError` if it is not a T: the message is
  /// gone then, and the connection goes on. EMFILE if there was no room for the descriptors inside.
  template <Picklable T> T recv() const {
    auto message = receive_message();
    detail::Reader reader({message.bytes.data(), message.bytes.size()}, &message.descriptors);
    T value = detail::load_typed<T>(reader);
    reader.expect_end();
    return value;
  }

  /// Anything else: the compiler says why not.
  template <class T>
  requires(!Picklable<T> && !std::same_as<std::decay_t<T>, char*>) void send(T const&) const {
    detail::refuse<T>();
  }
  template <class T>
  requires(!Picklable<T>) T recv()
  const {
    detail::refuse<T>();
    std::abort();
  }

  /// Sends the bytes themselves as one message.
  void send_bytes(std::span<std::byte const> bytes) const;
  /// Receives one message of `send_bytes`. Throws EMSGSIZE for one longer than `maxlength`, after which
  /// nothing can be received any more.
  std::vector<std::byte> recv_bytes(std::optional<std::size_t> maxlength = {}) const;
  /// Receives one message into the front of `buffer` and returns its size. One that does not fit is thrown
  /// as `BufferTooShort`, whole.
  std::size_t recv_bytes_into(std::span<std::byte> buffer) const;

  /// Waits until something can be received, be it the end; false if nothing came in time.
  bool poll(Timeout timeout = std::chrono::seconds(0)) const;

  int fileno() const;
  /// May be called more than once.
  void close() const;
  bool closed() const;
  bool readable() const;
  bool writable() const;

  /// `<Connection fd=5 duplex>`, `<Connection fd=6 read-only>`, `<Connection closed>`.
  std::string repr() const;

  /// Whether both are handles of one connection.
  friend bool operator==(Connection const& a, Connection const& b) { return a.channel_ == b.channel_; }

  void save(detail::Writer& writer) const;
  static Connection load(detail::Reader& reader);

 private:
  friend std::vector<std::size_t> connection::wait_for_any(std::span<connection::Waitable const>, Timeout);
  cohort::connection::Channel& channel() const;
  void send_message(detail::OutgoingMessage const& message) const;
  detail::IncomingMessage receive_message() const;

  std::shared_ptr<cohort::connection::Channel> channel_;
};

/// Two connected ends, both of which send and receive; if not `duplex` the first receives only and the second
/// sends only. Both can be sent to other processes. Throws `std::system_error` (EMFILE).
std::pair<Connection, Connection> Pipe(bool duplex = true);

namespace connection {

/// Waits until one of a range is ready and returns all that are, in their order: connections from which
/// something can be received (the end included), descriptors that poll readable, such as the sentinels of
/// processes that ended. Empty when the time is over, or when nothing could ever become ready. The elements
/// are `Connection`, `int` or a `std::variant` of them. Throws `std::system_error` (EBADF) if one of them is
/// closed.
///
///     for (auto& conn : mp::connection::wait(connections, 5s)) handle(conn.recv<Job>());
template <std::ranges::range Range>
std::vector<std::ranges::range_value_t<Range>> wait(Range&& range, Timeout timeout = {}) {
  std::vector<std::ranges::range_value_t<Range>> all, ready;
  std::vector<Waitable> waitables;
  for (auto&& element : range) {
    auto& value = all.emplace_back(element);
    if constexpr (std::convertible_to<decltype(value), Waitable>)
      waitables.emplace_back(value);
    else
      waitables.push_back(std::visit([](auto const& one) { return Waitable(one); }, value));
  }
  for (auto const position : wait_for_any(waitables, timeout)) ready.push_back(std::move(all[position]));
  return ready;
}
template <class T> std::vector<T> wait(std::initializer_list<T> range, Timeout timeout = {}) {
  return wait(std::span(range.begin(), range.size()), timeout);
}

}  // namespace connection
}  // namespace cohort::multiprocessing
