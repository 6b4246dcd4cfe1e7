#pragma once
#include <cohort/detail/call.hpp>
#include <cohort/detail/engine.hpp>

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

/// What stands behind the results of a pool: the outcomes, decoded where and when somebody asks for them.
namespace cohort::detail {

/// Whether values can be copied. Containers say so of themselves whatever they hold.
template <class T> inline constexpr bool copies = std::is_copy_constructible_v<T>;
template <std::ranges::range T>
requires(!std::same_as<std::ranges::range_value_t<T>, T>) inline constexpr bool copies<T> =
    std::is_copy_constructible_v<T> && copies<std::ranges::range_value_t<T>>;

/// A result that comes once. `R` is what the outcomes are decoded to, on the thread that asks first.
template <class R> class AsyncState : public std::enable_shared_from_this<AsyncState<R>> {
 public:
  using Decode = R(std::vector<Outcome>&);
  using Deadline = std::optional<Timeout::Clock::time_point>;

  AsyncState(std::shared_ptr<Engine> engine, std::size_t count, Decode& decode)
      : sink(std::make_shared<Gather>(count)), engine_(std::move(engine)), decode_(decode) {}

  /// To be called before anything is submitted.
  void on_end(std::function<void(R)> callback, std::function<void(std::exception_ptr)> error_callback) {
    if (!callback && !error_callback) return;
    sink->callback = [self = this->shared_from_this(), callback = std::move(callback),
                      error_callback = std::move(error_callback)] {
      if (auto const error = self->error()) {
        if (error_callback) error_callback(error);
      } else if (callback) {
        callback(self->copy());
      }
    };
  }

  bool wait(Deadline deadline) { return engine_->wait(*sink, deadline); }
  bool ready() { return engine_->ready(*sink); }

  /// The exception in place of a value; only once it is ready.
  std::exception_ptr error() {
    std::lock_guard const lock(mutex_);
    if (!decoded_) {
      decoded_ = true;
      try {
        value_.emplace(decode_(sink->outcomes));
      } catch (...) {
        error_ = std::current_exception();
      }
      sink->outcomes.clear();
    }
    return error_;
  }

  R get(Timeout timeout) {
    await(timeout);
    return copy();
  }
  /// The same where nobody else will ask: nothing is copied.
  R take() {
    await({});
    return std::move(*value_);
  }

  std::shared_ptr<Gather> const sink;

 private:
  void await(Timeout timeout) {
    if (!wait(timeout.deadline())) throw TimeoutError("cohort: the result did not come in time");
    if (auto const failed = error()) std::rethrow_exception(failed);
  }

  /// A value that cannot be copied is there for the first who asks.
  R copy() {
    std::lock_guard const lock(mutex_);
    if constexpr (copies<R>) {
      return *value_;
    } else {
      if (!value_) throw ValueError("cohort: a result that cannot be copied can be taken once only");
      R value = std::move(*value_);
      value_.reset();
      return value;
    }
  }

  std::shared_ptr<Engine> const engine_;
  Decode& decode_;
  std::mutex mutex_;  // guards what follows
  bool decoded_ = false;
  std::optional<R> value_;
  std::exception_ptr error_;
};

/// The value of one call, or its exception.
template <class R> R decode_value(Outcome& outcome) {
  if (auto const error = outcome.error()) std::rethrow_exception(error);
  Reader reader(outcome.payload.bytes());
  return load<R>(reader);
}

template <class R> R decode_single(std::vector<Outcome>& outcomes) {
  return decode_value<R>(outcomes.front());
}

/// The values of chunks, one after the other; the first chunk that failed fails all.
template <class V> std::vector<V> decode_chunks(std::vector<Outcome>& outcomes) {
  std::vector<V> all;
  for (auto& outcome : outcomes) {
    auto chunk = decode_value<std::vector<V>>(outcome);
    all.insert(all.end(), std::make_move_iterator(chunk.begin()), std::make_move_iterator(chunk.end()));
  }
  return all;
}

/// Results that come one after the other from an input that is read as they are taken.
template <class V> class StreamState {
 public:
  /// Submits the next chunk to the stream; false when there is no more input.
  using Feed = std::function<bool(std::shared_ptr<Stream> const&)>;

  StreamState(std::shared_ptr<Engine> engine, std::size_t ahead, Feed feed)
      : engine_(std::move(engine)), ahead_(ahead), feed_(std::move(feed)) {
    fill();
  }

  V next(Timeout timeout) {
    auto const deadline = timeout.deadline();
    while (values_.empty()) {
      fill();
      if (in_flight_ == 0) end();
      if (!engine_->wait(*stream_, deadline))
        throw TimeoutError("cohort: the next result did not come in time");
      auto outcome = take();
      --in_flight_;
      fill();
      auto chunk = decode_value<std::vector<V>>(outcome);
      values_.insert(values_.end(), std::make_move_iterator(chunk.begin()),
                     std::make_move_iterator(chunk.end()));
    }
    V value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  void fill() {
    try {
      while (feed_ && in_flight_ < ahead_ && feed_(stream_)) ++in_flight_;
      if (in_flight_ < ahead_) feed_ = nullptr;
    } catch (...) {
      // The input threw: what it gave before comes first.
      feed_ = nullptr;
      input_error_ = std::current_exception();
    }
  }

  [[noreturn]] void end() {
    if (auto const error = std::exchange(input_error_, nullptr)) std::rethrow_exception(error);
    throw StopIteration("cohort: there are no more results");
  }

  Outcome take() {
    std::lock_guard const lock(engine_->mutex());
    auto outcome = std::move(stream_->arrived.front());
    stream_->arrived.pop_front();
    return outcome;
  }

  std::shared_ptr<Engine> const engine_;
  std::shared_ptr<Stream> const stream_ = std::make_shared<Stream>();
  std::size_t const ahead_;
  Feed feed_;
  std::size_t in_flight_ = 0;
  std::deque<V> values_;
  std::exception_ptr input_error_;
};

}  // namespace cohort::detail
