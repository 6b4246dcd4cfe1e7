#include <cohort/multiprocessing/connection.hpp>
#include <cohort/multiprocessing/context.hpp>

#include "os/cpus.hpp"
#include "os/fork.hpp"
#include "start/start.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace cohort::multiprocessing {
namespace {

struct Chosen {
  os::ForkMutex mutex;
  std::string_view method;  ///< one of `methods`
};

constinit os::Immortal<Chosen> immortal;
Chosen& chosen() { return immortal.value; }

constexpr std::string_view methods[]{"fork", "spawn", "forkserver"};

/// The lasting one of that name.
std::string_view check_method(std::string_view method) {
  auto const found = std::find(std::begin(methods), std::end(methods), method);
  if (found != std::end(methods)) return *found;
  throw ValueError(
      fmt::format("cohort: cannot find context for '{}': use fork, spawn or forkserver", method));
}

std::string_view default_method() {
  // A child goes on with its parent's method.
  if (auto const& inherited = start::self().start_method; !inherited.empty()) return check_method(inherited);
  return start::has_freeze_support() ? "forkserver" : "fork";
}

}  // namespace

Context get_context(std::string_view method) {
  if (method.empty()) return Context(get_start_method());
  return Context(std::string(check_method(method)));
}

void set_start_method(std::string_view method, bool force) {
  auto const known = check_method(method);
  std::lock_guard const lock(chosen().mutex);
  if (!chosen().method.empty() && !force) throw RuntimeError("cohort: context has already been set");
  chosen().method = known;
}

std::string get_start_method() {
  std::lock_guard const lock(chosen().mutex);
  if (chosen().method.empty()) chosen().method = default_method();
  return std::string(chosen().method);
}

std::vector<std::string> get_all_start_methods() {
  if (start::has_freeze_support()) return {"forkserver", "fork", "spawn"};
  return {"fork", "spawn", "forkserver"};
}

void set_forkserver_preload(Task preload) { start::set_preload(std::move(preload)); }

std::pair<Connection, Connection> Context::Pipe(bool duplex) const { return multiprocessing::Pipe(duplex); }

unsigned cpu_count() { return os::cpu_count(); }
unsigned process_cpu_count() { return os::usable_cpu_count(); }

}  // namespace cohort::multiprocessing
