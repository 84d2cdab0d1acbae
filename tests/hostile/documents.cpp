#include "tests/hostile/hostile_image.hpp"
#include "tests/hostile/oci_layout.hpp"
#include "tests/hostile/raw_tar.hpp"

namespace dboot::hostile {
namespace {

constexpr const char* index_type = "application/vnd.oci.image.index.v1+json";

template <class Spoil>
std::function<std::string(const Place&)> layout(Spoil spoil) {
  return [spoil](const Place& place) {
    OciLayout layout(place);
    layout.layer(system().finish());
    spoil(layout, place);
    return layout.finish();
  };
}

std::function<std::string(const Place&)> manifest_with(const std::string& what,
                                                       const std::string& by) {
  return layout([=](OciLayout& l, const Place&) {
    l.change_manifest([=](const std::string& text) { return replaced(text, what, by); });
  });
}

std::function<std::string(const Place&)> config_with(const std::string& config) {
  return layout([=](OciLayout& l, const Place&) {
    l.change_config([=](const std::string& text) {
      return replaced(text, R"("config":{})", R"("config":)" + config);
    });
  });
}

std::function<std::string(const Place&)> index_is(const std::string& text) {
  return layout([=](OciLayout& l, const Place&) {
    l.change_index([=](const std::string&) { return text; });
  });
}

/// What `docker save` writes, with this manifest.json.
std::function<std::string(const Place&)> saved(const std::string& list) {
  return [list](const Place& place) {
    const std::string layer = system().finish();
    const std::string config =
        R"({"architecture":"amd64","os":"linux","config":{},"rootfs":{"diff_ids":[")" +
        OciLayout::digest(layer) + R"("]}})";
    RawTar tar;
    tar.file("layer.tar", layer)
        .file("config.json", config)
        .symlink("link", place.canary / "secret");
    tar.symlink("circle", "circle")
        .symlink("up", "../../canary/secret")
        .fifo("fifo")
        .directory("d");
    tar.hardlink("hard", "../canary/secret").file("manifest.json", list);
    return "docker-archive:" + place.file("saved.tar", tar.finish());
  };
}

std::string entry(const std::string& config, const std::string& layer) {
  return R"([{"Config":")" + config + R"(","RepoTags":null,"Layers":[")" + layer + R"("]}])";
}

}  // namespace

std::vector<HostileImage> documents() {
  const std::string deep(100'000, '[');
  return {
      {"IndexesWithoutEnd", layout([](OciLayout& l, const Place&) {
         l.change_index([&l](std::string text) {
           for (int i = 0; i < 100; ++i) {
             text = R"({"schemaVersion":2,"mediaType":")" + std::string(index_type) +
                    R"(","manifests":[)" + l.blob(text, index_type) + "]}";
           }
           return text;
         });
       }),
       "index"},
      {"IndexThatNamesItself", layout([](OciLayout& l, const Place&) {
         const std::string self(64, 'a');
         const std::string text = R"({"schemaVersion":2,"manifests":[{"mediaType":")" +
                                  std::string(index_type) + R"(","digest":"sha256:)" + self +
                                  R"(","size":SIZE}]})";
         const std::string sized = replaced(text, "SIZE", std::to_string(text.size() - 1));
         l.put("blobs/sha256/" + self, sized);
         l.change_index([=](const std::string&) { return sized; });
       }),
       "sha256:aaaaaaaa"},
      {"DeepIndex", index_is(deep), "no JSON"},
      {"DeepManifest", manifest_with(R"("schemaVersion":2)", R"("schemaVersion":2,"x":)" + deep),
       "no JSON"},
      {"DeepConfig", config_with(deep), "no JSON"},
      {"IndexThatIsNoIndex", index_is("[1,2,3]"), "index.json"},
      {"IndexOfNothing", index_is(R"({"schemaVersion":2,"manifests":[]})"),
       ""
       "oci:"},
      {"IndexOfNumbers", index_is(R"({"schemaVersion":2,"manifests":[1,null,"x"]})"), "index.json"},
      {"AnnotationsOfMegabytes",
       manifest_with(R"("schemaVersion":2)", R"("schemaVersion":2,"annotations":{"a":")" +
                                                 std::string(5U << 20U, 'x') + R"("})"),
       "no document of an image has more than"},
      {"AnnotationsWithoutNumber", layout([](OciLayout& l, const Place&) {
         l.change_manifest([](const std::string& text) {
           std::string annotations;
           for (int i = 0; i < 50'000; ++i) annotations += "\"" + std::to_string(i) + "\":\"x\",";
           return replaced(text, R"("schemaVersion":2)",
                           R"("schemaVersion":2,"annotations":{)" + annotations + R"("z":"z"})");
         });
       }),
       ""},
      {"LayersWithoutNumberInAManifest", layout([](OciLayout& l, const Place&) {
         l.change_manifest([&l](const std::string& text) {
           std::string layers;
           for (int i = 0; i < 20'000; ++i) layers += l.blob("x", oci_layer) + ",";
           return replaced(text, R"("layers":[)", R"("layers":[)" + layers);
         });
       }),
       "layers"},
      {"LayerOfAWrongMediaType", manifest_with(oci_layer, "application/zip"), "application/zip"},
      {"LayerThatIsEncrypted", manifest_with(oci_layer, std::string(oci_layer) + "+encrypted"),
       "encrypted"},
      {"LayerOfNoMediaType",
       manifest_with(R"({"mediaType":")" + std::string(oci_layer), R"({"x":")"),
       ""
       "layer"},
      {"ConfigOfAWrongMediaType",
       manifest_with("application/vnd.oci.image.config.v1+json", "text/html"), "text/html"},
      {"ManifestOfAWrongMediaType", layout([](OciLayout& l, const Place&) {
         l.change_index([](const std::string& text) {
           return replaced(text, "application/vnd.oci.image.manifest.v1+json", "text/html");
         });
       }),
       "text/html"},
      {"ManifestOfTheFirstSchema", manifest_with(R"("schemaVersion":2)", R"("schemaVersion":1)"),
       "manifest"},
      {"DigestThatIsAPath",
       manifest_with(R"("digest":"sha256:)", R"("digest":"sha256:../../../canary/secret)"),
       "../../../canary/secret"},
      {"DigestOfAnUnknownKind", manifest_with(R"("digest":"sha256:)", R"("digest":"md5:)"), "md5:"},
      {"SizeThatIsNegativeInAManifest", manifest_with(R"("size":)", R"("size":-)"), "size"},
      {"SizeThatIsAFraction", manifest_with(R"("size":)", R"("size":0.)"), "size"},
      {"SizeOfTooManyDigits", manifest_with(R"("size":)", R"("size":99999999999999999999)"),
       "size"},
      {"CommandWithANul", config_with(R"({"Cmd":["a\u0000b"]})"), "NUL"},
      {"CommandThatIsANumber", config_with(R"({"Cmd":7})"), "Cmd"},
      {"CommandThatIsNotThere", config_with(R"({"Entrypoint":["/nonesuch"]})"), "/nonesuch"},
      {"CommandWithAnArgumentOfMegabytes",
       config_with(R"({"Cmd":["/sbin/init",")" + std::string(1U << 20U, 'x') + R"("]})"),
       "is longer than the kernel allows"},
      {"VariableOfMegabytes",
       config_with(R"({"Env":["A=)" + std::string(1U << 20U, 'x') + R"("]})"),
       "is longer than the kernel allows"},
      {"VariablesOfMegabytes", layout([](OciLayout& l, const Place&) {
         l.change_config([](const std::string& text) {
           std::string variables;
           for (int i = 0; i < 30; ++i) {
             variables += "\"V" + std::to_string(i) + "=" + std::string(100'000, 'x') + "\",";
           }
           return replaced(text, R"("config":{})",
                           R"("config":{"Env":[)" + variables + R"("A="]})");
         });
       }),
       "more than the kernel allows"},
      {"VariablesThatAreNone",
       config_with(R"({"Env":["", "=", "=x", "NAME", "PATH", "A B=c", "LD_PRELOAD=/x"]})"), ""},
      {"UserAndSignalThatAreNone", config_with(R"({"User":"a:b:c","StopSignal":"SIGNONSENSE+7"})"),
       ""},
      {"WorkingDirectoryOfAnImageOutside",
       config_with(R"({"WorkingDir":"../../../canary/x"})"),
       "",
       {},
       "canary/x"},
      {"WorkingDirectoryThatIsTooLong",
       config_with(R"({"WorkingDir":"/)" + std::string(5000, 'w') + R"("})"),
       "the working directory cannot be made"},
      {"PathThatSearchesOutside", config_with(R"({"Env":["PATH=../../bin:/../bin"],"Cmd":["sh"]})"),
       "there is no 'sh' in the image"},
      {"PlatformOfAnotherMachine", layout([](OciLayout& l, const Place&) {
         l.change_config([](const std::string& text) { return replaced(text, "amd64", "s390x"); });
       }),
       "s390x"},
      {"SavedListThatIsDeep", saved(deep), "manifest.json"},
      {"SavedListOfNothing", saved("[]"), "saved.tar"},
      {"SavedConfigOutside", saved(entry("../../canary/secret", "layer.tar")), "canary/secret"},
      {"SavedConfigThatIsALinkOutside", saved(entry("link", "layer.tar")), "link"},
      {"SavedLayerOutside", saved(entry("config.json", "/etc/passwd")), "/etc/passwd"},
      {"SavedLayerThatIsALinkOutside", saved(entry("config.json", "up")), "up"},
      {"SavedLayerThatLinksToItself", saved(entry("config.json", "circle")), "circle"},
      {"SavedLayerThatIsAHardLinkOutside", saved(entry("config.json", "hard")), "hard"},
      {"SavedLayerThatIsAFifo", saved(entry("config.json", "fifo")), "fifo"},
      {"SavedLayerThatIsADirectory", saved(entry("config.json", "d")), "d"},
      {"SavedLayerThatIsTheList", saved(entry("config.json", "manifest.json")), "manifest.json"},
  };
}

}  // namespace dboot::hostile
