#include <cohort/multiprocessing/reduction.hpp>

#include "os/descriptor.hpp"
#include "os/error.hpp"

#include <fcntl.h>

#include <atomic>

namespace cohort::multiprocessing::reduction {

class DupFd::State {
 public:
  explicit State(os::Descriptor descriptor) : number_(descriptor.release()) {}
  State(State const&) = delete;
  State& operator=(State const&) = delete;
  ~State() { os::Descriptor const owned(detach()); }

  int number() const { return number_; }
  int detach() { return number_.exchange(-1); }

 private:
  std::atomic<int> number_;
};

namespace {

os::Descriptor duplicate(int descriptor) {
  os::Descriptor made(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!made) os::fail(errno, "DupFd: cannot duplicate descriptor {}", descriptor);
  return made;
}

}  // namespace

DupFd::DupFd(int descriptor) : DupFd(std::make_shared<State>(duplicate(descriptor))) {}

DupFd::State& DupFd::state() const {
  if (!state_ || state_->number() < 0) throw ValueError("cohort: DupFd: the descriptor was detached before");
  return *state_;
}

int DupFd::detach() const {
  int const number = state().detach();
  if (number < 0) throw ValueError("cohort: DupFd: the descriptor was detached before");
  return number;
}

std::string DupFd::repr() const {
  int const number = state_ ? state_->number() : -1;
  return number < 0 ? "<DupFd detached>" : fmt::format("<DupFd fd={}>", number);
}

void DupFd::save(detail::Writer& writer) const {
  writer.scalar(static_cast<std::uint32_t>(writer.attach(state().number())));
}

DupFd DupFd::load(detail::Reader& reader) {
  os::Descriptor received(reader.take(reader.scalar<std::uint32_t>()));
  return DupFd(std::make_shared<State>(std::move(received)));
}

void send_handle(Connection const& connection, int descriptor) { connection.send(DupFd(descriptor)); }

int recv_handle(Connection const& connection) { return connection.recv<DupFd>().detach(); }

}  // namespace cohort::multiprocessing::reduction
