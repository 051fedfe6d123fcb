import crypto from 'node:crypto'

function sign(secret, method, path, timestamp, bodyBuffer) {
  const msg = Buffer.concat([
    Buffer.from(`${method}\n${path}\n${timestamp}\n`, 'utf8'),
    bodyBuffer || Buffer.alloc(0)
  ])
  return crypto.createHmac('sha256', secret).update(msg).digest('hex')
}

// usage
const timestamp = Date.now().toString()
const body = JSON.stringify({ name: 'voice_abc', audio_data: '...', audio_format: 'wav' })
const sig = sign(process.env.DAEZEND_API_SHARED_SECRET, 'POST', '/api/voices/clone', timestamp, Buffer.from(body))
