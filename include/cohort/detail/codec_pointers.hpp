#pragma once
#include <cohort/detail/codec_scalars.hpp>
#include <cohort/detail/picklable.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <typeinfo>

/// Owning pointers: the object travels. Within one message the objects of shared pointers keep their
/// identity, as in Python: two pointers to one object arrive as two pointers to one object.
namespace cohort::detail {

/// An object that is all there is behind a pointer to it: not an array, and of no derived class.
template <class T>
concept Pointee =
    std::is_object_v<T> && !std::is_array_v<T> && (!std::is_polymorphic_v<T> || std::is_final_v<T>);

template <class T>
requires Pointee<T>
struct Codec<std::unique_ptr<T>> {
  using Parts = Types<T>;
  static void save(Writer& writer, std::unique_ptr<T> const& value) {
    Nested const level(writer);
    detail::save(writer, value != nullptr);
    if (value) detail::save<std::remove_cv_t<T>>(writer, *value);
  }
  static std::unique_ptr<T> load(Reader& reader) {
    Nested const level(reader);
    if (!load_bool(reader)) return nullptr;
    return std::unique_ptr<T>(new T(detail::load<T>(reader)));
  }
};

/// Writes null, or the number of an object that was written before, or that a new one follows: true. Refuses
/// an object that is still being written, which would be a cycle: `PicklingError`.
bool save_shared(Writer& writer, std::shared_ptr<void const> const& object, std::type_info const& type);
/// To be called when the object has followed.
void saved_shared(Writer& writer, std::shared_ptr<void const> const& object, std::type_info const& type);

/// What `save_shared` wrote: an object that came before or null, or else the number of the one that follows.
struct SharedObject {
  bool follows = false;
  std::size_t number = 0;
  std::shared_ptr<void> object;
};
SharedObject load_shared(Reader& reader, std::type_info const& type);
void loaded_shared(Reader& reader, std::size_t number, std::shared_ptr<void> object);

template <class T>
requires Pointee<T>
struct Codec<std::shared_ptr<T>> {
  using Object = std::remove_cv_t<T>;
  using Parts = Types<Object>;
  static void save(Writer& writer, std::shared_ptr<T> const& value) {
    Nested const level(writer);
    if (!save_shared(writer, value, typeid(Object))) return;
    detail::save<Object>(writer, *value);
    saved_shared(writer, value, typeid(Object));
  }
  static std::shared_ptr<T> load(Reader& reader) {
    Nested const level(reader);
    auto const shared = load_shared(reader, typeid(Object));
    if (!shared.follows) return std::static_pointer_cast<Object>(shared.object);
    std::shared_ptr<Object> object(new Object(detail::load<Object>(reader)));
    loaded_shared(reader, shared.number, object);
    return object;
  }
};

}  // namespace cohort::detail
