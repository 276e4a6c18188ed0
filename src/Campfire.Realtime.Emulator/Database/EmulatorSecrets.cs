using System.Security.Cryptography;
using System.Text.Json;
using Campfire.Realtime.Emulator.Auth;

namespace Campfire.Realtime.Emulator.Database;

internal sealed record EmulatorSecrets(
    string JwtSecret,
    string AnonKey,
    string ServiceKey,
    string PublishableKey,
    string SecretKey,
    string PostgresPassword,
    string AuthenticatorPassword)
{
    public const string FileName = "emulator.json";
    public const string UnfinishedFileName = FileName + ".unfinished";

    // The issued keys outlive any folder they are kept in.
    private static readonly TimeSpan _keyLifetime = TimeSpan.FromDays(3650);

    public static EmulatorSecrets Create(TimeProvider time)
    {
        var jwtSecret = Random(32);
        var signer = new JwtSigner(jwtSecret);
        return new EmulatorSecrets(
            jwtSecret,
            Key("anon"),
            Key("service_role"),
            "sb_publishable_" + Random(16),
            "sb_secret_" + Random(16),
            Random(16),
            Random(16));

        string Key(string role)
        {
            var now = time.GetUtcNow();
            return signer.Sign(new()
            {
                ["iss"] = "campfire-emulator",
                ["role"] = role,
                ["iat"] = now.ToUnixTimeSeconds(),
                ["exp"] = (now + _keyLifetime).ToUnixTimeSeconds(),
            });
        }
    }

    public static EmulatorSecrets LoadOrCreate(string directory, TimeProvider time)
    {
        var path = Path.Combine(directory, FileName);
        if (File.Exists(path))
        {
            try
            {
                return JsonSerializer.Deserialize<EmulatorSecrets>(File.ReadAllText(path))
                    ?? throw new JsonException("The file is empty.");
            }
            catch (JsonException damaged)
            {
                throw new CampfireEmulatorException(
                    CampfireEmulatorErrorCode.DataDirectoryUnusable,
                    $"{path} is damaged, so the passwords of this data directory are lost: {damaged.Message} Choose another folder.",
                    damaged);
            }
        }
        var created = Create(time);
        // Whole or not there: half a file would make the folder useless.
        var unfinished = Path.Combine(directory, UnfinishedFileName);
        PrivateFile.Write(unfinished, JsonSerializer.Serialize(created));
        File.Move(unfinished, path);
        return created;
    }

    private static string Random(int bytes) => RandomNumberGenerator.GetHexString(bytes * 2, lowercase: true);
}
