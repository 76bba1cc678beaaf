#!/usr/bin/env python3
"""Writes a software bill of materials (CycloneDX 1.6, JSON) of the built programs: `make sbom`.

    scripts/sbom.py SCRATCH OUT      SCRATCH: the build directory, with the programs of a release build

The components are the Swift packages that are linked into the programs, and the Debian packages of the shared libraries
that the programs load. Needs cyclonedx-python-lib, from PyPI. Fails if the result does not match the schema.
"""

import json
import pathlib
import re
import subprocess
import sys
import uuid

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

PROGRAMS = ("app-cp", "app-ap", "caplab")
# The first words of a license that occur in its text only.
LICENSES = (("Apache License", "Apache-2.0"), ("Permission is hereby granted, free of charge", "MIT"))


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def license_of(directory):
    for path in sorted(pathlib.Path(directory).glob("LICENSE*")):
        text = path.read_text(errors="replace")
        for words, identifier in LICENSES:
            if words in text:
                return [LicenseFactory().make_with_id(identifier)]
    return []


def swift_packages(scratch):
    """The packages of this build: SwiftPM's tree, in which a package may occur several times."""
    root = json.loads(output("swift", "package", "--scratch-path", str(scratch), "show-dependencies", "--format", "json"))
    found, edges = {}, {}

    def visit(package):
        names = edges.setdefault(package["identity"], set())
        for child in package["dependencies"]:
            names.add(child["identity"])
            if child["identity"] not in found:
                found[child["identity"]] = swift_component(child)
            visit(child)

    visit(root)
    return root["identity"], found, edges


def swift_component(package):
    place = re.sub(r"^https://|\.git$", "", package["url"])
    namespace, name = place.rsplit("/", 1)
    return Component(
        name=package["identity"], version=package["version"], type=ComponentType.LIBRARY,
        bom_ref=f"swift:{package['identity']}", licenses=license_of(package["path"]),
        purl=PackageURL("swift", namespace, name, package["version"]),
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(package["url"]))])


def debian_packages(release):
    """The packages that own the shared libraries of the programs. `ldd` lists indirect ones, too."""
    libraries = set()
    for program in PROGRAMS:
        libraries |= set(re.findall(r"=> (/\S+)", output("ldd", str(release / program))))
    packages = set()
    for library in libraries:
        # dpkg knows some libraries by the path without the link from /lib to /usr/lib, others by the path with it.
        for path in (library, str(pathlib.Path(library).resolve()), re.sub("^/usr", "", library)):
            owner = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True)
            if owner.returncode == 0:
                packages.add(owner.stdout.split(": ")[0].split(",")[0])
                break
        else:
            raise SystemExit(f"sbom: no Debian package owns {library}")
    distribution = re.search(r'^VERSION_ID="?(\d+)', pathlib.Path("/etc/os-release").read_text(), re.M)
    for package in sorted(packages):
        name, version, architecture = output(
            "dpkg-query", "--show", "--showformat", "${Package}\n${Version}\n${Architecture}", package).split("\n")
        yield Component(
            name=name, version=version, type=ComponentType.LIBRARY, bom_ref=f"deb:{name}",
            purl=PackageURL(
                "deb", "debian", name, version,
                {"arch": architecture, "distro": f"debian-{distribution[1] if distribution else 'unknown'}"}))


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    scratch, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    version = output(str(scratch / "release" / "app-cp"), "--version").split()[-1]
    project = Component(
        name="cap-pair", version=version, type=ComponentType.APPLICATION, bom_ref="cap-pair",
        licenses=[LicenseFactory().make_with_id("Apache-2.0")])
    root, swift, edges = swift_packages(scratch)
    debian = list(debian_packages(scratch / "release"))

    # The same build gives the same file, so no date; the serial number is that of the content.
    content = sorted(f"{component.purl}" for component in [*swift.values(), *debian])
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, "\n".join([f"cap-pair@{version}", *content])))
    bom.metadata.component = project
    for component in [*swift.values(), *debian]:
        bom.components.add(component)
    bom.register_dependency(project, [*(swift[name] for name in edges[root]), *debian])
    for name, component in swift.items():
        bom.register_dependency(component, [swift[child] for child in edges[name]])

    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error:
        raise SystemExit(f"sbom: the result does not match the schema: {error}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    print(f"{out}: {len(swift)} Swift packages, {len(debian)} Debian packages")


if __name__ == "__main__":
    main()
