#pragma once
#include <cohort/multiprocessing/connection.hpp>

#include <memory>
#include <string>

/// Sending plain file descriptors to other processes: Python's `multiprocessing.reduction`.
namespace cohort::multiprocessing::reduction {

/// A duplicate of a descriptor that can travel, in the arguments of a `Process` or over a `Connection`. It is
/// closed with the last copy of the handle unless somebody detaches it.
///
/// Threads: any may use it. Fork: the child has a duplicate of its own.
///
///     conn.send(mp::reduction::DupFd(file));                               // here
///     int const file = conn.recv<mp::reduction::DupFd>().detach();        // there
class DupFd : public detail::HandleBase {
 public:
  /// Duplicates at once: the original may be closed. Throws `std::system_error` (EBADF, EMFILE).
  explicit DupFd(int descriptor);

  /// Hands the descriptor to the caller, who closes it. `ValueError` the second time.
  int detach() const;

  /// `<DupFd fd=7>`, `<DupFd detached>`.
  std::string repr() const;

  void save(detail::Writer& writer) const;
  static DupFd load(detail::Reader& reader);

 private:
  class State;
  explicit DupFd(std::shared_ptr<State> state) : state_(std::move(state)) {}
  State& state() const;

  std::shared_ptr<State> state_;
};

/// Sends a duplicate of a descriptor.
void send_handle(Connection const& connection, int descriptor);

/// Receives what `send_handle` sent, close-on-exec; the caller closes it.
int recv_handle(Connection const& connection);

}  // namespace cohort::multiprocessing::reduction
