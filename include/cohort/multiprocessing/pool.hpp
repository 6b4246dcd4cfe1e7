#pragma once
#include <cohort/concurrent/futures/errors.hpp>
#include <cohort/detail/async_state.hpp>
#include <cohort/detail/chunks.hpp>
#include <cohort/multiprocessing/context.hpp>

#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <vector>

/// A pool of worker processes: Python's `multiprocessing.Pool`.
namespace cohort::multiprocessing {

/// The result of `apply_async` and `map_async`: `multiprocessing.pool.AsyncResult`. A copyable handle, safe
/// to use from any thread. In results of calls that return `void`, `R` is `void` or, within vectors,
/// `NoneType`.
template <class R> class AsyncResult {
 public:
  using Value = detail::none_for_void<R>;

  /// Waits for the result and returns it, or throws what the call threw: a registered exception as itself,
  /// others as `RemoteError`; `BrokenProcessPool` if the worker ended over it; `TimeoutError`. A result that
  /// cannot be copied can be had once.
  R get(Timeout timeout = {}) const { return static_cast<R>(state_->get(timeout)); }
  void wait(Timeout timeout = {}) const { state_->wait(timeout.deadline()); }
  bool ready() const { return state_->ready(); }
  /// Whether the call ended without an exception; `ValueError` before it ended.
  bool successful() const {
    if (!ready()) throw ValueError("cohort: the result is not ready");
    return state_->error() == nullptr;
  }

 private:
  friend class Pool;
  R take() const { return static_cast<R>(state_->take()); }
  explicit AsyncResult(std::shared_ptr<detail::AsyncState<Value>> state) : state_(std::move(state)) {}
  std::shared_ptr<detail::AsyncState<Value>> state_;
};

/// Results one after the other: an input range, and Python's iterator with `next(timeout)`. An exception of
/// one call comes out of `next` (or `++`) in its turn, and the iteration can be continued after it with
/// `next`. One thread at a time.
///
///     for (int square : pool.imap_unordered(f, numbers)) ...
template <class R> class IMapIterator {
 public:
  struct iterator {
    using value_type = R;
    using difference_type = std::ptrdiff_t;
    R operator*() const {
      if constexpr (detail::copies<R>)
        return **current;
      else
        return std::move(**current);
    }
    iterator& operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    friend bool operator==(iterator const& it, std::default_sentinel_t) { return !*it.current; }

   private:
    friend class IMapIterator;
    explicit iterator(IMapIterator* source) : results(source), current(std::make_shared<std::optional<R>>()) {
      advance();
    }
    void advance() {
      current->reset();
      try {
        current->emplace(results->next());
      } catch (StopIteration const&) {}
    }
    IMapIterator* results;
    std::shared_ptr<std::optional<R>> current;
  };

  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const { return {}; }

  /// The next result. Throws `StopIteration` at the end, `TimeoutError` without losing its place, and what
  /// the call threw.
  R next(Timeout timeout = {}) { return state_->next(timeout); }

 private:
  friend class Pool;
  using State = detail::StreamState<R>;
  explicit IMapIterator(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

struct PoolOptions {
  std::optional<int> processes{};         ///< default `process_cpu_count()`
  Task initializer{};                     ///< runs in each worker before its first task
  std::optional<int> maxtasksperchild{};  ///< tasks after which a worker is replaced; default none
  std::optional<Context> context{};       ///< default the program's start method
};
struct MapOptions {
  std::optional<std::size_t> chunksize{};
};
template <class R> struct AsyncOptions {
  std::function<void(detail::none_for_void<R>)> callback{};
  std::function<void(std::exception_ptr)> error_callback{};
};

/// Worker processes that run functions: `multiprocessing.Pool`.
///
/// Callables, arguments and results must be able to travel (see cohort/callable.hpp); what cannot does not
/// compile. A worker that is killed, crashes or calls `exit` fails only the task it was running, at once,
/// with `futures::BrokenProcessPool` that names process, signal or exit code, and task; it is replaced and
/// all else goes on. An initializer that throws, or workers that end three times in a row before they are
/// ready, break the pool: every task then fails with that reason.
///
/// Workers are daemonic: none outlives this program. They have process groups of their own, so a Ctrl-C
/// reaches only the program. The destructor terminates them, as leaving Python's `with` does.
///
/// Threads: any may submit, wait and close. Fork: of no use in a child.
///
///     int square(int x) { return x * x; }
///     mp::Pool pool(4);
///     auto squares = pool.map(square, std::vector{1, 2, 3});
class Pool {
 public:
  /// Throws `ValueError` for less than one process, and what starting a process throws.
  explicit Pool(std::optional<int> processes = {});
  explicit Pool(PoolOptions options);
  Pool(Pool&&) noexcept = default;
  Pool& operator=(Pool&&) noexcept;
  ~Pool();

  /// Calls `f(args...)` in a worker and waits for the result.
  template <class F, class... A> auto apply(F f, A... args) {
    return apply_async(std::move(f), std::move(args)...).take();
  }

  /// Hands the call in and returns at once. Callbacks run on a thread of the pool, before `get` returns.
  template <class F, class... A>
  requires std::invocable<F&, detail::ship_t<A>...>
  auto apply_async(F f, A... args) {
    return apply_async(AsyncOptions<Returned<F, A...>>{}, std::move(f), std::move(args)...);
  }
  template <class F, class... A>
  auto apply_async(AsyncOptions<std::remove_cvref_t<std::invoke_result_t<F&, detail::ship_t<A>...>>> options,
                   F f, A... args)
      -> AsyncResult<std::remove_cvref_t<std::invoke_result_t<F&, detail::ship_t<A>...>>> {
    using namespace cohort::detail;
    using R = Returned<F, A...>;
    check_task<F, R, ship_t<A>...>();
    using Value = none_for_void<R>;
    auto state = std::make_shared<AsyncState<Value>>(engine(), 1, decode_single<Value>);
    state->on_end(std::move(options.callback), std::move(options.error_callback));
    PayloadWriter writer;
    SingleCall<F, ship_t<A>...>::write(writer, f, std::move(args)...);
    engine()->submit(writer.finish(), label_of(f), state->sink, 0);
    return AsyncResult<R>(std::move(state));
  }

  /// `f` of every item, in order, computed in chunks by all workers. The default chunk size is Python's: a
  /// quarter of each worker's share. If calls throw, the exception of the first chunk that failed is thrown
  /// when all ended.
  template <class F, std::ranges::input_range R> auto map(F f, R&& items, MapOptions options = {}) {
    return map_async(std::move(f), std::forward<R>(items), options).take();
  }
  template <class F, class T> auto map(F f, std::initializer_list<T> items, MapOptions options = {}) {
    return map_async(std::move(f), items, options).take();
  }

  /// The results in order of completion, over an input that is read as they are taken: at most 32 chunks a
  /// worker ahead. An lvalue range must outlive the iterator. `ValueError` for a chunk size of 0.
  template <class F, std::ranges::input_range R>
  auto imap_unordered(F f, R&& items, MapOptions options = {}) {
    using namespace cohort::detail;
    using Chunks = ChunkSource<F, R>;
    check_task<F, typename Chunks::Value, typename Chunks::Item>();
    auto const chunksize = options.chunksize.value_or(1);
    if (chunksize == 0) throw ValueError("cohort: chunksize must be at least 1, not 0");
    auto const label = label_of(f);
    auto source = std::make_shared<Chunks>(std::move(f), std::forward<R>(items));
    auto const feed = [engine = engine(), source, chunksize, label](std::shared_ptr<Stream> const& stream) {
      PayloadWriter writer;
      if (!source->write(writer, chunksize)) return false;
      engine->submit(writer.finish(), label, stream, 0);
      return true;
    };
    using Results = IMapIterator<typename Chunks::Value>;
    auto const ahead = std::size_t{32} * engine()->worker_count();
    return Results(std::make_shared<typename Results::State>(engine(), ahead, feed));
  }
  template <class F, class T>
  auto imap_unordered(F f, std::initializer_list<T> items, MapOptions options = {}) {
    return imap_unordered(std::move(f), std::vector<T>(items), options);
  }

  /// No more tasks; the workers end when all that were handed in are done.
  void close();
  /// Ends the workers now. What was not done fails with `RuntimeError`.
  void terminate();
  /// Waits for the end of the workers; `ValueError` before `close` or `terminate`.
  void join();

 private:
  template <class F, class... A>
  using Returned = std::remove_cvref_t<std::invoke_result_t<F&, detail::ship_t<A>...>>;

  template <class F, class R> auto map_async(F f, R&& items, MapOptions options) {
    using namespace cohort::detail;
    using Chunks = ChunkSource<F, R&>;
    using Value = typename Chunks::Value;
    check_task<F, Value, typename Chunks::Item>();
    if constexpr (std::ranges::sized_range<R>) {
      auto const total = static_cast<std::size_t>(std::ranges::size(items));
      auto const chunksize = options.chunksize.value_or(default_chunksize(total, engine()->worker_count()));
      if (chunksize == 0 && total != 0) throw ValueError("cohort: chunksize must be at least 1, not 0");
      auto const count = total == 0 ? 0 : (total + chunksize - 1) / chunksize;
      auto state = std::make_shared<AsyncState<std::vector<Value>>>(engine(), count, decode_chunks<Value>);
      auto const label = label_of(f);
      Chunks source(std::move(f), items);
      PayloadWriter writer;
      for (std::size_t i = 0; i < count; ++i) {
        source.write(writer, chunksize);
        engine()->submit(writer.finish(), label, state->sink, i);
      }
      return AsyncResult<std::vector<Value>>(std::move(state));
    } else {
      std::vector<typename Chunks::Item> list;
      for (auto&& item : items) list.emplace_back(std::forward<decltype(item)>(item));
      return map_async(std::move(f), list, options);
    }
  }

  /// Throws `ValueError` for a pool that was moved from.
  std::shared_ptr<detail::Engine> const& engine() const;

  std::shared_ptr<detail::Engine> engine_;
};

}  // namespace cohort::multiprocessing
