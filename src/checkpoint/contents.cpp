#include "checkpoint/contents.hpp"

#include <set>
#include <string>

#include "checkpoint/checkpoint_attributes.hpp"

namespace modr {

namespace {

// An entry of the list that is hashed: the digest of a tensor without values.
Digest entry(const std::string& name, const std::string& value) { return digest_of(name, value, Shape({}), {}); }

Digest dataset_digest(const H5File& file, const std::string& name) {
  Digest digest = digest_of(name, file.dataset_type(name), file.dataset_shape(name), {});
  if (name == kConfig) digest += entry(name + "=", file.read_string(name));
  if (name == kGuard) digest += digest_of(name + "=", "f64", file.read_tensor(name, DType::f64));
  return digest;
}

}  // namespace

Digest contents_digest(const H5File& file) {
  Digest digest;
  std::set<std::string> objects{""};
  for (const std::string& dataset : file.datasets("")) {
    digest += dataset_digest(file, dataset);
    objects.insert(dataset);
    for (std::size_t end = dataset.find('/'); end != dataset.npos; end = dataset.find('/', end + 1))
      objects.insert(dataset.substr(0, end));
  }
  for (const std::string& object : objects)
    for (const std::string& name : file.attribute_names(object))
      if (!object.empty() || name != kContentsDigest)
        digest += entry(object + "@" + name, file.attribute_text(object, name));
  return digest;
}

}  // namespace modr
