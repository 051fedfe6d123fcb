BODY='{"name":"voice_test","audio_data":"<base64>","audio_format":"wav","language":"en","is_kids_voice":false,"model_type":"chatterbox"}'
TS=$(date +%s%3N)
SIG=$(python - <<'PY'
import hmac,hashlib,os,sys
secret=os.environ['DAEZEND_API_SHARED_SECRET']
method='POST'; path='/api/voices/clone'; ts=os.environ['TS']; body=os.environ['BODY'].encode()
msg=(method+'\n'+path+'\n'+ts+'\n').encode()+body
print(hmac.new(secret.encode(), msg, hashlib.sha256).hexdigest())
PY
)
curl -X POST https://runpod-chatterbox.fly.dev/api/voices/clone \
  -H "Content-Type: application/json" \
  -H "X-Daezend-Timestamp: $TS" \
  -H "X-Daezend-Signature: $SIG" \
  -H "X-Idempotency-Key: test-voice-1" \
  -d "$BODY"
