#include <cohort/multiprocessing/pool.hpp>

#include <fmt/format.h>
#include <unistd.h>

namespace cohort::multiprocessing {
namespace {

unsigned at_least_one(std::optional<int> number, unsigned fallback, std::string_view what) {
  if (number && *number < 1)
    throw ValueError(fmt::format("cohort: {} must be at least 1, not {}", what, *number));
  return number ? static_cast<unsigned>(*number) : fallback;
}

}  // namespace

Pool::Pool(std::optional<int> processes) : Pool(PoolOptions{processes, {}, {}, {}}) {}

Pool::Pool(PoolOptions options) {
  cohort::detail::EngineOptions engine;
  engine.workers = at_least_one(options.processes, process_cpu_count(), "the number of processes");
  engine.initializer = std::move(options.initializer);
  if (options.maxtasksperchild)
    engine.max_tasks = at_least_one(options.maxtasksperchild, 1, "maxtasksperchild");
  engine.start_method = (options.context ? *options.context : get_context()).get_start_method();
  engine_ = cohort::detail::Engine::make(std::move(engine));
}

Pool& Pool::operator=(Pool&& other) noexcept {
  Pool old(std::move(*this));
  engine_ = std::move(other.engine_);
  return *this;
}

Pool::~Pool() {
  if (!engine_ || !engine_->is_here()) return;
  engine_->terminate();
  engine_->join();
}

void Pool::close() { engine()->close(); }
void Pool::terminate() { engine()->terminate(); }
void Pool::join() { engine()->join(); }

std::shared_ptr<cohort::detail::Engine> const& Pool::engine() const {
  if (!engine_) throw ValueError("cohort: this pool was moved from");
  return engine_;
}

Pool Context::Pool(std::optional<int> processes) const {
  return multiprocessing::Pool(PoolOptions{processes, {}, {}, *this});
}

Pool Context::Pool(PoolOptions options) const {
  options.context = *this;
  return multiprocessing::Pool(std::move(options));
}

}  // namespace cohort::multiprocessing
