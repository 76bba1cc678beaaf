"""Tests that the examples in deploy/ are valid and consistent. A missing tool skips its test."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
# Without the component redis-tls, which consists of patches.
MANIFESTS = sorted(
    path for path in (DEPLOY / "kubernetes").glob("**/*.yaml") if path.parent.name != "redis-tls")


def program(name: str) -> str:
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    if not found:
        raise unittest.SkipTest(f"{name} is not installed")
    return found


def run(*command, environment=None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | (environment or {}),
    )


class Balancers(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.folder = Path(self._directory.name)
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-keyout", self.folder / "pair.key", "-out", self.folder / "pair.crt")
        (self.folder / "certificates").mkdir()
        both = (self.folder / "pair.crt").read_text() + (self.folder / "pair.key").read_text()
        (self.folder / "certificates/pair.pem").write_text(both)

    def tearDown(self):
        self._directory.cleanup()

    def test_haproxy_accepts_its_configuration(self):
        local = {f"{group}_SERVER_{number}": f"127.0.0.1:{5000 + number}" for group in ("CP", "AP") for number in (1, 2)}
        done = run(program("haproxy"), "-c", "-f", DEPLOY / "edge/haproxy.cfg",
                   environment=local | {"CERTIFICATES": str(self.folder / "certificates")})
        self.assertEqual(done.returncode, 0, done.stderr)
        # HAProxy 2.6 warns about the unused resolver, because all addresses are numeric here.
        for line in done.stderr.splitlines():
            self.assertNotIn("[ALERT]", line)

    def test_haproxy_can_use_tls_to_reach_the_services(self):
        local = {f"{group}_SERVER_{number}": f"127.0.0.1:{5000 + number}" for group in ("CP", "AP") for number in (1, 2)}
        tls = f"ssl verify required ca-file {self.folder}/pair.crt verifyhost localhost"
        done = run(program("haproxy"), "-c", "-f", DEPLOY / "edge/haproxy.cfg",
                   environment=local | {"CERTIFICATES": str(self.folder / "certificates"), "SERVER_TLS": tls})
        self.assertEqual(done.returncode, 0, done.stderr)
        missing = run(program("haproxy"), "-c", "-f", DEPLOY / "edge/haproxy.cfg", environment=local | {
            "CERTIFICATES": str(self.folder / "certificates"), "SERVER_TLS": "ssl verify required ca-file /nowhere"})
        self.assertIn("/nowhere", missing.stderr, "the options are used")

    def test_nginx_accepts_its_configuration(self):
        text = (DEPLOY / "edge/nginx.conf").read_text()
        text = text.replace("/etc/nginx/certificates", str(self.folder)).replace("/run/nginx.pid", f"{self.folder}/pid")
        # nginx resolves names when it reads the file.
        text = re.sub(r"app-..\.(east|west):", "127.0.0.1:", text)
        (self.folder / "nginx.conf").write_text(text)
        done = run(program("nginx"), "-t", "-c", self.folder / "nginx.conf")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("[warn]", done.stderr.replace('the "user" directive', ""))


    def test_idle_connections_to_a_service_are_closed_before_the_service_does_so(self):
        settings = (REPOSITORY / "Sources/Core/HTTP/HTTPServerSettings.swift").read_text()
        least = int(re.search(r"var leastIdleMs: UInt64 = (\d+)", settings)[1])
        nginx = re.findall(r"keepalive_timeout (\S+);", (DEPLOY / "edge/nginx.conf").read_text())
        self.assertEqual(len(nginx), 2)
        for text in nginx:
            self.assertRegex(text, r"^\d+ms$")
            self.assertLess(int(text[:-2]), least)
        for name in ("edge", "pool"):
            delay = re.findall(r"pool-purge-delay (\S+)", (DEPLOY / name / "haproxy.cfg").read_text())
            self.assertEqual(len(delay), 1)
            self.assertRegex(delay[0], r"^\d+ms$")
            # The number of idle connections halves in each period, so after four periods at most one of 16 is left.
            self.assertLessEqual(4 * int(delay[0][:-2]), least)
        guide = " ".join((REPOSITORY / "docs/deploy.md").read_text().split())
        self.assertIn(f"within the last {least / 1_000:g} s", guide)


class Tokens(unittest.TestCase):
    """Production requires tokens."""

    def test_no_production_manifest_allows_requests_without_a_token(self):
        for path in MANIFESTS + sorted((DEPLOY / "kubernetes/redis-tls").glob("*.yaml")):
            self.assertNotIn("ALLOW_UNAUTHENTICATED", path.read_text(), path)
        text = (DEPLOY / "compose.prod.yml").read_text()
        # docker-compose.yml sets it to true, so it must be overridden.
        self.assertEqual(re.findall(r"ALLOW_UNAUTHENTICATED: (.*)", text), ['"false"'])
        self.assertIn("AUTH_TOKENS_FILE: /run/secrets/auth_tokens", text)

    def test_every_service_of_the_merged_compose_files_requires_a_token(self):
        if run(program("docker"), "compose", "version").returncode != 0:
            raise unittest.SkipTest("docker compose is not installed")
        done = run("docker", "compose", "-f", REPOSITORY / "docker-compose.yml", "-f", DEPLOY / "compose.prod.yml",
                   "--profile", "*", "config", "--format", "json", environment={"ALLOW_UNAUTHENTICATED": "true"})
        self.assertEqual(done.returncode, 0, done.stderr)
        services = json.loads(done.stdout)["services"]
        served = {name: each for name, each in services.items() if "HTTP_PORT" in each.get("environment", {})}
        self.assertTrue({"app_cp", "app_cp_west", "app_ap", "app_ap_west", "app_cp_pool", "app_ap_pool"} <= set(served))
        for name, each in served.items():
            self.assertEqual(each["environment"]["ALLOW_UNAUTHENTICATED"], "false", name)
            self.assertEqual(each["environment"]["AUTH_TOKENS_FILE"], "/run/secrets/auth_tokens", name)
            self.assertIn("auth_tokens", [secret["source"] for secret in each["secrets"]], name)
        # The lab page would show values without a token.
        self.assertNotIn("lab", services)
        self.assertEqual(
            [secret["target"] for secret in services["prometheus"]["secrets"]], ["/etc/prometheus/token"])

    def test_every_instance_on_kubernetes_has_the_tokens(self):
        text = (DEPLOY / "kubernetes/instances/deployments.yaml").read_text()
        for line in ("{name: AUTH_TOKENS_FILE, value: /run/secrets/cap-tokens/auth-tokens}",
                     "{name: tokens, mountPath: /run/secrets/cap-tokens, readOnly: true}", "secretName: cap-tokens"):
            self.assertEqual(text.count(line), 2, line)
        self.assertIn("credentials: {name: cap-prometheus, key: token}", (DEPLOY / "kubernetes/monitoring.yaml").read_text())
        guide = (REPOSITORY / "docs/deploy.md").read_text()
        self.assertIn("create secret generic cap-tokens --from-file=auth-tokens=secrets/auth_tokens", guide)
        self.assertIn("create secret generic cap-prometheus --from-file=token=/dev/stdin", guide)

    def test_the_script_makes_each_token_once(self):
        with tempfile.TemporaryDirectory() as folder:
            # Like app-cp token: the token to standard output, its line to standard error.
            fake = Path(folder, "app-cp")
            fake.write_text('#!/bin/sh\n[ "$1" = token ] || exit 9\necho "secret-of-$2"\n'
                            'echo "$2 $4 sha256:$(printf "secret-of-$2" | sha256sum | cut -c 1-64)" >&2\n')
            fake.chmod(0o755)
            secrets = Path(folder, "secrets")
            for word in ("made", "kept"):
                done = run(DEPLOY / "tokens.sh", secrets, environment={"APP_CP": str(fake)})
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual([line.split(":")[0] for line in done.stdout.splitlines()], [word] * 3)
                self.assertNotIn("secret-of", done.stdout)
            self.assertEqual(secrets.stat().st_mode & 0o777, 0o700)
            lines = (secrets / "auth_tokens").read_text().splitlines()
            self.assertEqual([line.split()[:2] for line in lines], [
                ["client", "read,write"], ["operator", "read,write,admin,metrics"], ["prometheus", "metrics"]])
            self.assertEqual((secrets / "prometheus_token").read_text(), "secret-of-prometheus\n")
            self.assertEqual(sorted(path.name for path in secrets.iterdir()),
                             ["auth_tokens", "client_token", "operator_token", "prometheus_token"])
            fake.write_text("#!/bin/sh\necho 'no such image' >&2\nexit 1\n")
            failed = run(DEPLOY / "tokens.sh", Path(folder, "other"), environment={"APP_CP": str(fake)})
            self.assertEqual(failed.returncode, 1)
            self.assertIn("no such image", failed.stderr)
            self.assertEqual(Path(folder, "other/auth_tokens").read_text(), "")


class Kubernetes(unittest.TestCase):
    def test_manifests_match_the_schemas(self):
        validator = program("kubernetes-validate")
        # Kubernetes itself has no schema for these two kinds.
        own = [path for path in MANIFESTS if path.stem not in ("kustomization", "monitoring")]
        done = run(validator, "--strict", *own)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_kustomize_builds_them(self):
        done = run(program("kubectl"), "kustomize", DEPLOY / "kubernetes")
        self.assertEqual(done.returncode, 0, done.stderr)
        for kind in ("StatefulSet", "Deployment", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "CronJob"):
            self.assertIn(f"kind: {kind}\n", done.stdout)

    def test_kustomize_adds_tls_to_redis(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(DEPLOY / "kubernetes", folder, dirs_exist_ok=True)
            with open(f"{folder}/kustomization.yaml", "a", encoding="utf-8") as file:
                file.write("components: [redis-tls]\n")
            done = run(program("kubectl"), "kustomize", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        # Six services with stunnel, whose replicas are on loopback; two groups of replicas with TLS.
        self.assertEqual(done.stdout.count("restartPolicy: Always\n"), 6)
        self.assertEqual(done.stdout.count("value: g1=redis://app@127.0.0.1:6391,"), 6)
        self.assertEqual(done.stdout.count("- --tls-port\n"), 2)
        self.assertEqual(done.stdout.count("port: redis-tls\n"), 2)

    def test_every_instance_is_in_the_zone_of_the_replica_that_it_asks_first(self):
        done = run(program("kubectl"), "kustomize", DEPLOY / "kubernetes")
        self.assertEqual(done.returncode, 0, done.stderr)
        made = [part for part in done.stdout.split("\n---\n") if "\nkind: Deployment\n" in part]
        found = set()
        for part in made:
            # The values of the settings are labels of the pod.
            for name, label in (("SITE", "site"), ("NEAR_REPLICAS", "near")):
                self.assertRegex(part, rf"name: {name}\n +valueFrom:\n +fieldRef:\n +fieldPath: metadata.labels\['{label}'\]")
            labels = dict(re.findall(r"(?m)^        (app|near|site): (\S+)$", part))
            self.assertEqual(labels["site"], "zone-" + labels["near"])
            near = re.search(r"key: statefulset.kubernetes.io/pod-name\n +operator: In\n +values:\n +- (\S+)", part)[1]
            found.add((labels["app"], labels["near"], near))
            # Each Deployment has pods of its own.
            self.assertIn(f"  selector:\n    matchLabels:\n      app: {labels['app']}\n      near: {labels['near']}\n", part)
        self.assertEqual(found, {(f"app-{group}", f"g{n + 1}", f"{group}-db-{n}") for group in ("cp", "ap") for n in range(3)})
        self.assertEqual(len(made), 6)
        # The rules compare sites, so the scrape adds the label.
        self.assertIn("- __meta_kubernetes_pod_label_site\n      targetLabel: site", done.stdout)

    def test_yaml_passes_yamllint(self):
        done = run(program("yamllint"), "--strict", "-c", REPOSITORY / ".yamllint", DEPLOY)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_setting_exists(self):
        known = set(re.findall(r"^#?([A-Z_]+)=", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
        text = "".join(path.read_text() for path in MANIFESTS if path.stem != "redis")
        used = set(re.findall(r"name: ([A-Z][A-Z_]+)\b", text))
        self.assertTrue({"REPLICAS", "REDIS_PASSWORD_FILE", "SECRET_KEY_FILE"} <= used)
        self.assertEqual(used - known, set())

    def test_replicas_are_the_pods_of_the_stateful_sets(self):
        redis = (DEPLOY / "kubernetes/redis.yaml").read_text()
        text = "".join(path.read_text() for path in MANIFESTS)
        hosts = set(re.findall(r"redis://app@([a-z0-9.-]+)", text))
        self.assertEqual(hosts, {f"{group}-db-{n}.{group}-db" for group in ("cp", "ap") for n in range(3)})
        for group in ("cp", "ap"):
            self.assertIn(f"  serviceName: {group}-db\n", redis)

    def test_every_app_of_a_network_policy_exists(self):
        text = "".join(path.read_text() for path in MANIFESTS if path.stem != "network-policy")
        policies = (DEPLOY / "kubernetes/network-policy.yaml").read_text()
        for name in set(re.findall(r"matchLabels: \{app: ([a-z-]+)\}", policies)):
            self.assertRegex(text, rf"labels: \{{app: {name}[,}}]")

    def test_liveness_probes_need_no_other_pod_and_no_password(self):
        # A probe of the quorum would restart services during a partition. A probe with a password would restart all
        # replicas when the password changes.
        probes = [probe for path in MANIFESTS for probe in
                  re.findall(r"livenessProbe:\n +((?:exec|httpGet).*)\n", path.read_text())]
        self.assertEqual(sorted(set(probes)), [
            "exec: {command: [/bin/sh, -c, redis-cli ping | grep -q .]}",
            "httpGet: {path: /health/live, port: http}",
        ])
        self.assertEqual(len(probes), 4)

    def test_every_redis_file_of_the_pods_exists(self):
        text = (DEPLOY / "kubernetes/redis.yaml").read_text()
        for path in set(re.findall(r"/etc/cap-redis/([a-z.]+)", text)):
            self.assertTrue((DEPLOY / "redis" / path).exists(), path)


if __name__ == "__main__":
    unittest.main()
