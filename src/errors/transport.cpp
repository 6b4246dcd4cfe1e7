// An exception as bytes: the name and message with which it could be a RemoteError, its traceback, and, if
// its type is registered, the bytes from which it is rebuilt as itself. The receiver has the same program,
// so it normally knows the type; where rebuilding fails, the RemoteError is there.
#include <fmt/format.h>
#include <cohort/detail/exceptions.hpp>

#include <cstddef>
#include <span>
#include <vector>

#include "errors/description.hpp"
#include "errors/traceback.hpp"

namespace cohort::detail {
namespace {

/// More than this in one exception is refused: it is a message about an error, not a way to send data.
constexpr std::size_t max_payload = 1024 * 1024;

struct Record {
  std::string type, what;
  /// The mangled name of the registered type, empty where there is none.
  std::string key;
  std::vector<std::byte> payload;
  std::shared_ptr<Traceback const> traceback;
};

/// Adds to the message why the exception arrives as RemoteError.
void explain(Record& record, std::string_view failure, std::exception_ptr const& reason) {
  if (!record.what.empty()) record.what += ' ';
  record.what +=
      fmt::format("[cohort: a {} {}: {}]", record.type, failure, errors::to_string(errors::describe(reason)));
}

void fill_payload(Record& record, ExceptionType const& type, std::exception_ptr const& error) try {
  VectorWriter out(record.payload);
  type.save(out, error);
  out.finish();
  if (record.payload.size() > max_payload)
    throw PicklingError(
        fmt::format("cohort: it has {} bytes, an exception may have {}", record.payload.size(), max_payload));
  record.key = type.type.name();
} catch (...) {
  record.payload.clear();
  explain(record, "could not be pickled", std::current_exception());
}

Record make_record(std::exception_ptr const& error, Backtrace const& trace) {
  auto description = errors::describe(error);
  Record record{
      std::move(description.type), std::move(description.what), {}, {}, Traceback::carried_by(error)};
  if (record.traceback == nullptr)
    record.traceback = std::make_shared<Traceback>(trace, errors::describe_causes(error));
  if (description.registered != nullptr) fill_payload(record, *description.registered, error);
  return record;
}

void write(Writer& out, std::string_view type, std::string_view what, std::string_view key,
           std::span<std::byte const> payload, Traceback const* traceback) {
  save_text(out, type);
  save_text(out, what);
  save_text(out, key);
  out.scalar(static_cast<std::uint32_t>(payload.size()));
  out.bytes(payload.data(), payload.size());
  Traceback::save(out, traceback);
}

Record read(Reader& in) {
  Record record;
  record.type = load_text(in);
  record.what = load_text(in);
  record.key = load_text(in);
  auto const size = in.scalar<std::uint32_t>();
  auto const* const payload = in.skip(size);
  record.payload.assign(payload, payload + size);
  record.traceback = Traceback::load(in);
  return record;
}

/// The exception as itself, or null with the reason in the message.
std::exception_ptr rebuild(Record& record, ExceptionType const& type) try {
  Reader payload(record.payload);
  auto error = type.load(payload, type, record.traceback);
  if (payload.remaining() != 0)
    throw UnpicklingError(fmt::format("cohort: {} bytes too many", payload.remaining()));
  return error;
} catch (...) {
  explain(record, "arrived but could not be unpickled", std::current_exception());
  return nullptr;
}

}  // namespace

void save_exception(Writer& out, std::exception_ptr error, Backtrace const& trace) {
  Record record;
  try {
    record = make_record(error, trace);
  } catch (...) {
    return write(out, "std::bad_alloc", "cohort: no memory was left to describe an exception", {}, {},
                 nullptr);
  }
  write(out, record.type, record.what, record.key, record.payload, record.traceback.get());
}

std::exception_ptr load_exception(Reader& in) {
  auto record = read(in);
  if (auto const* type = record.key.empty() ? nullptr : errors::find_type(record.key))
    if (auto error = rebuild(record, *type)) return error;
  return std::make_exception_ptr(
      RemoteError(record.what, std::move(record.type), std::move(record.traceback)));
}

}  // namespace cohort::detail
