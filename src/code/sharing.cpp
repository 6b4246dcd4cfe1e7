#include <cohort/detail/codec_pointers.hpp>

#include <fmt/format.h>

#include <map>
#include <typeindex>
#include <utility>
#include <vector>

namespace cohort::detail {

namespace {

/// Objects are told apart by address and type: an object and its first member have the same address.
using Identity = std::pair<void const*, std::type_index>;

struct Written {
  std::size_t number;
  bool complete = false;
  std::shared_ptr<void const> alive;  ///< so that nothing new gets its address while the message is written
};
using WrittenObjects = std::map<Identity, Written>;

struct Came {
  std::type_info const* type;
  std::shared_ptr<void> object;  ///< null while it is being read
};
using ObjectsThatCame = std::vector<Came>;

enum class Tag : unsigned char { null, follows, known };

template <class T> T& memo(std::shared_ptr<void>& shared) {
  if (!shared) shared = std::make_shared<T>();
  return *static_cast<T*>(shared.get());
}

}  // namespace

bool save_shared(Writer& writer, std::shared_ptr<void const> const& object, std::type_info const& type) {
  if (!object) {
    writer.scalar(Tag::null);
    return false;
  }
  auto& written = memo<WrittenObjects>(writer.shared);
  auto const [at, is_new] = written.try_emplace({object.get(), type}, Written{written.size(), false, object});
  if (!is_new && !at->second.complete)
    throw PicklingError(
        fmt::format("cohort: a std::shared_ptr<{}> leads back to the object that holds it; only "
                    "structures without cycles can be pickled",
                    demangle(type.name())));
  writer.scalar(is_new ? Tag::follows : Tag::known);
  if (!is_new) writer.scalar<std::uint64_t>(at->second.number);
  return is_new;
}

void saved_shared(Writer& writer, std::shared_ptr<void const> const& object, std::type_info const& type) {
  memo<WrittenObjects>(writer.shared).find({object.get(), type})->second.complete = true;
}

SharedObject load_shared(Reader& reader, std::type_info const& type) {
  auto const tag = reader.scalar<Tag>();
  if (tag == Tag::null) return {};
  auto& objects = memo<ObjectsThatCame>(reader.shared);
  if (tag == Tag::follows) {
    objects.push_back({&type, nullptr});
    return {true, objects.size() - 1, nullptr};
  }
  if (tag != Tag::known)
    throw UnpicklingError(
        fmt::format("cohort: {} does not say where a shared_ptr points", static_cast<int>(tag)));
  auto const number = reader.scalar<std::uint64_t>();
  if (number >= objects.size() || objects[number].object == nullptr || *objects[number].type != type)
    throw UnpicklingError(
        fmt::format("cohort: the bytes hold no object {} of type {}", number, demangle(type.name())));
  return {false, number, objects[number].object};
}

void loaded_shared(Reader& reader, std::size_t number, std::shared_ptr<void> object) {
  memo<ObjectsThatCame>(reader.shared)[number].object = std::move(object);
}

}  // namespace cohort::detail
