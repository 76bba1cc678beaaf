@main struct AppAP { static func main() {} }
