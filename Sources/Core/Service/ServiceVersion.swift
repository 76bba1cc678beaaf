/// The version in `/health`, `app_build_info` and `--version`.
public enum ServiceVersion {
    public static let current = "0.2.0"
}
