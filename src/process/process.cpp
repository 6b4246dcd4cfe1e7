#include <cohort/multiprocessing/process.hpp>

#include "process/access.hpp"
#include "start/child.hpp"
#include "start/identity.hpp"
#include "start/start.hpp"

#include <cohort/detail/type_name.hpp>

#include <signal.h>
#include <string.h>
#include <unistd.h>

namespace cohort::multiprocessing {

struct Process::State {
  explicit State(ProcessOptions given) : options(std::move(given)) {}

  ProcessOptions options;
  std::vector<std::uint32_t> path = start::next_child_path();
  int creator = ::getpid();
  std::unique_ptr<detail::Target> target;
  std::shared_ptr<start::Child> child;
  bool is_current = false;
  bool closed = false;

  /// The child, once it was started by this process; `error` names the verb for the sentence if it was not.
  start::Child& started(char const* verb) const {
    check_open();
    if (creator != ::getpid()) throw AssertionError(fmt::format("cohort: can only {} a child process", verb));
    if (!child) throw AssertionError(fmt::format("cohort: can only {} a started process", verb));
    return *child;
  }
  void check_open() const {
    if (closed) throw ValueError("cohort: process object is closed");
  }
};

namespace {

/// The object `current_process()` gives in a child; none in the root.
Process*& current() {
  static Process* process = nullptr;
  return process;
}

/// The class's own name, as in Python, without its namespaces.
std::string class_name(std::type_info const& type) {
  auto name = detail::demangle(type.name());
  auto const scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

}  // namespace

Process::Process() : Process(ProcessOptions{}) {}
Process::Process(ProcessOptions options) : state_(new State(std::move(options))) {}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

void Process::target(std::unique_ptr<detail::Target> target) { state_->target = std::move(target); }

void Process::run() {
  if (state_->target) state_->target->run();
}

void Process::run_here() {
  state_->is_current = true;
  current() = this;
  start::count_children();  // not before: the object itself may have been made in this process
  run();
}

void Process::start() {
  State& state = *state_;
  state.check_open();
  if (state.child || state.is_current) throw AssertionError("cohort: cannot start a process twice");
  if (state.creator != ::getpid())
    throw AssertionError("cohort: can only start a process object created by current process");
  if (!start::may_have_children())
    throw AssertionError("cohort: daemonic processes are not allowed to have children");
  start::children::active();  // reaps, so that they do not pile up
  start::Order order;
  order.identity.name = name();
  order.identity.path = state.path;
  order.identity.daemon = daemon();
  order.identity.start_method = get_start_method();
  order.body = [this] { run_here(); };
  order.save = [this](detail::Writer& writer) { save(writer); };
  auto const context = state.options.context ? *state.options.context : get_context();
  state.child = start::start(context.get_start_method(), std::move(order));
  state.target.reset();
}

void Process::save(detail::Writer& writer) const {
  if (typeid(*this) != typeid(Process)) detail::fail_subclass(typeid(*this).name());
  detail::save_entry(writer, detail::entry<start::Body, &detail::run_target, Process>);
  if (state_->target) state_->target->save(writer);
}

void Process::join(Timeout timeout) { state_->started("join").join(timeout.deadline()); }

bool Process::is_alive() const {
  State const& state = *state_;
  state.check_open();
  if (state.is_current) return true;
  if (state.creator != ::getpid()) throw AssertionError("cohort: can only test a child process");
  return state.child && !state.child->exitcode();
}

void Process::terminate() { state_->started("terminate").signal(SIGTERM); }
void Process::kill() { state_->started("kill").signal(SIGKILL); }
void Process::interrupt() { state_->started("interrupt").signal(SIGINT); }

void Process::close() {
  State& state = *state_;
  if (state.child && !state.child->exitcode())
    throw ValueError(
        "cohort: cannot close a process while it is still running; call join() or terminate() first");
  state.child.reset();
  state.closed = true;
}

std::string Process::name() const {
  if (!state_->options.name.empty()) return state_->options.name;
  std::string name = class_name(typeid(*this));
  char separator = '-';
  for (auto const number : state_->path) {
    name += separator + std::to_string(number);
    separator = ':';
  }
  return name;
}

void Process::name(std::string name) { state_->options.name = std::move(name); }

bool Process::daemon() const { return state_->options.daemon.value_or(start::self().daemon); }

void Process::daemon(bool daemon) {
  if (state_->child || state_->is_current) throw AssertionError("cohort: process has already started");
  state_->options.daemon = daemon;
}

std::optional<int> Process::pid() const {
  state_->check_open();
  if (state_->is_current) return ::getpid();
  if (!state_->child) return std::nullopt;
  return state_->child->pid();
}

std::optional<int> Process::exitcode() const {
  state_->check_open();
  if (!state_->child) return std::nullopt;
  return state_->child->exitcode();
}

int Process::sentinel() const {
  state_->check_open();
  if (!state_->child) throw ValueError("cohort: process not started, it has no sentinel yet");
  return state_->child->sentinel();
}

std::string Process::repr() const {
  State const& state = *state_;
  std::string text = fmt::format("<{} name='{}'", class_name(typeid(*this)), name());
  bool const mine = state.creator == ::getpid();
  std::optional<int> code;
  if (state.child && mine) code = state.child->exitcode();
  if (state.is_current) fmt::format_to(std::back_inserter(text), " pid={}", ::getpid());
  if (state.child) fmt::format_to(std::back_inserter(text), " pid={}", state.child->pid());
  fmt::format_to(std::back_inserter(text), " parent={}",
                 state.is_current ? start::self().parent_pid : state.creator);
  text += state.closed       ? " closed"
          : state.is_current ? " started"
          : !mine            ? " unknown"
          : !state.child     ? " initial"
          : !code            ? " started"
                             : " stopped";
  if (code && *code < 0 && ::sigabbrev_np(-*code) != nullptr)
    fmt::format_to(std::back_inserter(text), " exitcode=-SIG{}", ::sigabbrev_np(-*code));
  else if (code)
    fmt::format_to(std::back_inserter(text), " exitcode={}", *code);
  if (daemon()) text += " daemon";
  return text + ">";
}

std::shared_ptr<start::Child> ProcessAccess::child(Process const& process) { return process.state_->child; }

Process& current_process() {
  static Process& root = *[] {
    auto const process = new Process(ProcessOptions{start::self().name, false, {}});
    process->state_->is_current = true;
    return process;
  }();
  return current() != nullptr ? *current() : root;
}

}  // namespace cohort::multiprocessing

namespace cohort::detail {

using multiprocessing::Process;

void run_arrived(std::unique_ptr<Process> process) {
  // Leaked: the object must last until the process is gone, exit handlers included.
  Process& self = *process.release();
  self.name(start::self().name);
  self.daemon(start::self().daemon);
  self.run_here();
}

void run_target(detail::Reader& reader) {
  auto process = std::unique_ptr<Process>(new Process);
  if (reader.remaining() != 0) process->target(detail::load_entry<detail::LoadTarget>(reader).run(reader));
  run_arrived(std::move(process));
}

void fail_subclass(char const* type_name) {
  throw PicklingError(
      fmt::format("cohort: a {} cannot travel to a process started by spawn or forkserver: derive it from "
                  "mp::ProcessOf of itself, "
                  "make it default constructible and give it a serialize member for its data, or use the "
                  "fork start method",
                  demangle(type_name)));
}

void fail_target(std::size_t index, char const* type_name) {
  auto const part = index == 0 ? std::string("the callable") : fmt::format("argument {}", index);
  throw PicklingError(fmt::format(
      "cohort: {}, a {}, cannot travel to a process started by spawn or forkserver: send values, cohort "
      "handles and "
      "functions without captures (bind values with cohort::partial), or use the fork start method",
      part, demangle(type_name)));
}

}  // namespace cohort::detail
